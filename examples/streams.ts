// One stream for any path, published whole or not at all: node dist/examples/streams.js [URL of a folder]
// Without a URL it uses an S3 server that it starts for itself, which can fail on demand.
import { openStream, recover, UploadError, withStream } from 'forkfs/streams'
import type { StreamOptions } from 'forkfs/streams'
import { startS3Server } from 'forkfs/testing'

const [url] = process.argv.slice(2)
await using server = url === undefined ? await startS3Server({ buckets: ['data'] }) : undefined
const credentials = server && { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }
const options: StreamOptions = server === undefined ? {} : { s3: { endpoint: server.endpoint, region: server.region, credentials } }
const uri = `${url ?? 's3://data'}/model.bin`
const shown = (): Promise<string> => withStream(uri, 'r', stream => stream.readFile('utf8'), options)

// Published when the function returns ...
await withStream(uri, 'w', async stream => {
  for (let layer = 0; layer < 4; layer++) await stream.write(`layer ${layer};`)
}, options)
console.log('published', await shown())

// ... and left as it was when it throws
const lost = withStream(uri, 'w', async stream => {
  await stream.write('half of a new one')
  throw new Error('out of memory')
}, options)
await lost.catch((error: Error) => { console.log('not published:', error.message) })
console.log('still', await shown())

// Two readers of one source, each with its part
await withStream(uri, 'r', async stream => {
  const readers = await Promise.all([stream.reopen({ end: 16 }), stream.reopen({ begin: 16 })])
  const parts = await Promise.all(readers.map(reader => reader.readFile('utf8')))
  console.log('in two parts', parts.join(' | '), readers.map(reader => reader.stats.bytes).join('+'))
  await Promise.all(readers.map(reader => reader.close()))
}, options)

// An upload that fails keeps its bytes: here, and for recover() of a later process
await server?.addFault({ match: { operation: 'PutObject' }, action: { type: 'status', status: 403, code: 'AccessDenied' } })
const stream = await openStream(uri, 'w', options)
await stream.write('a better model')
try {
  await stream.close()
} catch (error) {
  if (!(error instanceof UploadError)) throw error
  console.log('kept', error.keptAt !== undefined)
  await error.retryCommit()
}
console.log('in the end', await shown())

// What dead processes left on this machine
const { committed, uploadsAborted, filesRemoved } = await recover({ ...options, dryRun: true })
console.log('recovered', typeof committed, typeof uploadsAborted, typeof filesRemoved)
