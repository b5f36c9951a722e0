// Samples from tar shards through two worker threads, stopped half-way and resumed: node dist/examples/data-loader.js [URL of a folder]
// Without a URL it uses an S3 server that it starts for itself.
import { urlToFs } from 'forkfs'
import { DataLoader } from 'forkfs/loader'
import type { LoaderOptions, TarSample } from 'forkfs/loader'
import { startS3Server } from 'forkfs/testing'

/** A file in a tar archive: header, bytes, zeroes up to a whole block. */
function entry (name: string, text: string): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')
  header.write(name)
  header.write(`0000644\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(text.length, 11)}\0${octal(0, 11)}\0        0`, 100, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  header.write(`${octal(header.reduce((sum, byte) => sum + byte, 0), 6)}\0 `, 148, 'latin1')
  return Buffer.concat([header, Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, '\0'))])
}

const [url] = process.argv.slice(2)
await using server = url === undefined ? await startS3Server({ buckets: ['data'] }) : undefined
const credentials = server && { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey }
const [fs, folder] = await urlToFs(url ?? 's3://data', { s3: server && { endpoint: server.endpoint, region: server.region, credentials } })

// Four shards of 25 samples; the files of one sample share their name up to the first dot.
const paths = [0, 1, 2, 3].map(n => `${folder}/train-${n}.tar`)
for (const [shard, path] of paths.entries()) {
  const files = Array.from({ length: 25 }, (_, n) => [entry(`${shard}-${n}.txt`, `sample ${n}`), entry(`${shard}-${n}.json`, `{"label":${n}}`)])
  await fs.pipeFile(path, Buffer.concat([...files.flat(), Buffer.alloc(1024)]))
}

// The workers get the filesystem itself; its keys they ask of this thread.
const options: LoaderOptions = { shards: { fs, paths }, reader: 'tar', workers: 2, rank: 'all', shuffle: { seed: 7 } }
const seen = new Set<string>()

const first = new DataLoader<TarSample>(options)
for await (const { key, files } of first) {
  seen.add(`${key} ${new TextDecoder().decode(files['json'])}`)
  if (seen.size === 40) break
}
const state = JSON.stringify(first.state()) // small, plain, good for any checkpoint
await first.close()
console.log('taken before the stop', seen.size)

await using second = new DataLoader<TarSample>({ ...options, workers: 1, resume: JSON.parse(state) })
let resumed = 0
for await (const batch of second.batches(16)) {
  for (const { key, files } of batch) seen.add(`${key} ${new TextDecoder().decode(files['json'])}`)
  resumed += batch.length
}
console.log('after it', resumed, 'and different in all', seen.size)
await second.close()
await fs.close()
