// The program of a server child: one server, driven over IPC; it ends when its parent does.
import { startGcsServer } from './gcs/server.js'
import { startS3Server } from './s3/server.js'
import type { GcsServer } from './gcs/server.js'
import type { S3Server } from './s3/server.js'
import type { ChildCommand, ChildReply, ServerKind } from './spawned.js'

let server: S3Server | GcsServer | undefined
let pieces: Uint8Array[] = []

process.on('disconnect', () => { process.exit(0) })
process.on('message', (command: ChildCommand) => {
  run(command).then(
    result => { reply({ id: command.id, result }) },
    (error: unknown) => { reply({ id: command.id, error }) }
  )
})

function reply (message: ChildReply): void {
  if (process.connected) process.send!(message, () => {}) // the parent may be gone: 'disconnect' follows
}

async function run ({ method, args }: ChildCommand): Promise<unknown> {
  if (method === 'start') return start(args[0] as ServerKind, args[1] as object)
  if (method === 'piece') {
    pieces.push(args[0] as Uint8Array)
    return undefined
  }
  if (method === 'putPieces') {
    const [bucket, key, more] = args as [string, string, undefined]
    const all = pieces
    pieces = []
    return server!.put(bucket, key, Buffer.concat(all), more)
  }
  const call = server![method as keyof typeof server] as (...args: readonly unknown[]) => Promise<unknown>
  return call.apply(server, args as unknown[])
}

async function start (kind: ServerKind, options: object): Promise<object> {
  if (kind === 'gcs') {
    const gcs = server = await startGcsServer(options)
    const { endpoint, host, port, projectId, accessToken, pid } = gcs
    return { endpoint, host, port, projectId, accessToken, pid }
  }
  const s3 = server = await startS3Server(options)
  const { endpoint, host, port, region, accessKeyId, secretAccessKey, sessionToken, pid } = s3
  return { endpoint, host, port, region, accessKeyId, secretAccessKey, sessionToken, pid }
}
