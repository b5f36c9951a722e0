// The program of a server child: one S3 server, driven over IPC; it ends when its parent does.
import { startS3Server } from './s3/server.js'
import type { ChildCommand, ChildReply } from './spawn.js'
import type { S3Server } from './s3/server.js'

let server: S3Server | undefined
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

async function run (command: ChildCommand): Promise<unknown> {
  if (command.method === 'start') {
    server = await startS3Server(command.args[0])
    const { endpoint, host, port, region, accessKeyId, secretAccessKey, sessionToken, pid } = server
    return { endpoint, host, port, region, accessKeyId, secretAccessKey, sessionToken, pid }
  }
  if (command.method === 'piece') {
    pieces.push(command.args[0])
    return undefined
  }
  if (command.method === 'putPieces') {
    const [bucket, key, headers] = command.args
    const all = pieces
    pieces = []
    return server!.put(bucket, key, Buffer.concat(all), headers)
  }
  const call = server![command.method] as (...args: unknown[]) => Promise<unknown>
  return call.apply(server, [...command.args])
}
