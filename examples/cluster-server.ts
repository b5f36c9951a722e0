// Objects over HTTP from a cluster: node dist/examples/cluster-server.js [s3:// or gs://bucket/prefix]; SIGHUP replaces the children.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { isFsError, revive, urlToFs, type FileSystem } from 'forkfs'
import { spawnS3Server } from 'forkfs/testing'

async function serve (fs: FileSystem, root: string, { method, url, headers: asked }: IncomingMessage, res: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') return void res.writeHead(405, { allow: 'GET, HEAD' }).end()
  const path = `${root}/${decodeURIComponent(url!.slice(1).replace(/[?#].*/s, ''))}`
  const { type, size = 0, etag = '', modified } = await fs.info(path)
  if (type !== 'file') return void res.writeHead(404).end()
  const headers = { etag, 'accept-ranges': 'bytes', 'last-modified': modified?.toUTCString() ?? '' }
  const known = asked['if-none-match']?.split(/\s*,\s*/) ?? []
  if (known.includes('*') || known.includes(etag)) return void res.writeHead(304, headers).end()
  const range = method === 'HEAD' || (asked['if-range'] ?? etag) !== etag ? undefined : rangeOf(asked.range, size)
  const [start, end] = range ?? [0, size]
  if (range !== undefined && start >= end) return void res.writeHead(416, { 'content-range': `bytes */${size}` }).end()
  const part = range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${size}` }
  res.writeHead(range === undefined ? 200 : 206, { ...headers, ...part, 'content-length': end - start })
  if (method === 'HEAD' || size === 0) return void res.end()
  await pipeline(fs.readable(path, { start, end, ifMatch: etag }), res) // a client that leaves ends the read, too
}

/** Half-open. Undefined for several ranges and for what is malformed: they get the whole. */
function rangeOf (text = '', size: number): [start: number, end: number] | undefined {
  const [, first, last] = /^bytes=(?=[^-]|-\d)(\d*)-(\d*)$/.exec(text) ?? []
  if (first === undefined || (first !== '' && last !== '' && Number(last) < Number(first))) return undefined
  return first === '' ? [Math.max(0, size - Number(last)), size] : [Number(first), last === '' ? size : Math.min(Number(last) + 1, size)]
}

if (cluster.isPrimary) {
  const [url] = process.argv.slice(2)
  const store = url === undefined ? await spawnS3Server({ buckets: ['site'] }) : undefined
  const credentials = store && { accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey }
  const s3 = store && { endpoint: store.endpoint, region: store.region, credentials, shareCredentials: true }
  const [fs, root] = await urlToFs(url ?? 's3://site', { s3, allowedProtocols: ['s3', 'gs'] })
  if (store !== undefined) await fs.writeText(`${root}/hello.txt`, 'hello from the store')
  const start = (): Worker => {
    const worker = cluster.fork().once('message', () => { worker.send({ fs, root } as never) })
    return worker.once('listening', ({ port }) => { console.log(`child ${worker.process.pid} listens on http://127.0.0.1:${port}`) })
  }
  const workers = [start(), start()]
  process.on('SIGHUP', () => { for (const old of workers.splice(0)) workers.push(start().once('listening', () => { old.disconnect() })) })
  const gone = (): Promise<unknown> => Promise.all(workers.map(worker => { worker.disconnect(); return once(worker, 'exit') }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void gone().then(() => store?.close()) })
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {}) // Ctrl-C and systemd reach the whole group; the primary ends us in good order
  process.send!('ready')
  const { fs, root } = revive((await once(process, 'message') as unknown[])[0]) as { fs: FileSystem, root: string } // this child's own
  createServer((req, res) => {
    if (cluster.worker!.exitedAfterDisconnect) res.setHeader('connection', 'close') // we leave with the last connection
    serve(fs, root, req, res).catch((error: unknown) => {
      if (res.headersSent) res.destroy()
      else res.writeHead(error instanceof URIError ? 400 : isFsError(error, 'ENOENT') ? 404 : 502).end()
    })
  }).listen(Number(process.env['PORT'] ?? 0), '127.0.0.1')
}
