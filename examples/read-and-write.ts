// The verbs in short, on any store: node dist/examples/read-and-write.js [URL of a folder]
// Without a URL it uses memory, and an S3 and a GCS server that it starts for itself.
import { open, urlToFs } from 'forkfs'
import type { UrlOptions } from 'forkfs'
import { startGcsServer, startS3Server } from 'forkfs/testing'

async function tour (url: string, options: UrlOptions = {}): Promise<void> {
  const [fs, folder] = await urlToFs(url, options)
  await fs.makedirs(folder, { existOk: true })

  // Whole files
  await fs.writeText(`${folder}/greeting.txt`, 'hello, world')
  console.log(fs.protocol, 'read', await fs.readText(`${folder}/greeting.txt`))

  // Parts of one: negative numbers count from the end
  const end = await fs.catFile(`${folder}/greeting.txt`, { start: -5 })
  console.log(fs.protocol, 'end', new TextDecoder().decode(end))

  // In pieces: the file appears when the function returns, whole; if it throws, nothing does
  await fs.withFile(`${folder}/logs/today.jsonl`, 'w', async file => {
    for (let id = 0; id < 3; id++) await file.write(`${JSON.stringify({ id })}\n`)
  })
  const lost = fs.withFile(`${folder}/logs/never.jsonl`, 'w', async file => {
    await file.write('half of it')
    throw new Error('changed my mind')
  })
  await lost.catch((error: Error) => { console.log(fs.protocol, 'not written:', error.message) })

  // By URL, line by line
  await using file = await open(`${url}/logs/today.jsonl`, 'r', options)
  for await (const line of file.readLines()) console.log(fs.protocol, 'line', line)

  // Trees
  console.log(fs.protocol, 'tree', (await fs.find(folder)).join(' '))
  await fs.cp(`${folder}/greeting.txt`, `${folder}/copy.txt`)
  console.log(fs.protocol, 'texts', (await fs.glob(`${folder}/*.txt`)).length)
  await fs.rm(folder, { recursive: true })
  console.log(fs.protocol, 'left', await fs.exists(folder))
  await file.close()
  await fs.close()
}

const [url] = process.argv.slice(2)
if (url === undefined) {
  await tour('memory://examples')
  await using server = await startS3Server({ buckets: ['data'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  await tour('s3://data/examples', { s3: { endpoint, region, credentials: { accessKeyId, secretAccessKey } } })
  await using gcs = await startGcsServer({ buckets: ['data'] })
  await tour('gs://data/examples', { gs: { apiEndpoint: gcs.endpoint } })
} else {
  await tour(url.replace(/\/$/, ''))
}
