import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { gcsSdk } from '../gcs-subjects.js'
import { meter } from '../meter.js'
import { libraryUrl, peerUrl } from '../places.js'
import { bucket, smallBytes, smallKey } from '../sizes.js'
import { forkfs } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

const times = 5

/** A program that reads one object and prints its length. */
function program (subject: string, { gcsEndpoint, cache }: Stage): string {
  const options = `apiEndpoint: '${gcsEndpoint}', projectId: 'bench'`
  if (subject === 'forkfs') {
    return `import { filesystem } from '${libraryUrl('index')}'
const fs = filesystem('gs', { ${options}, credentials: 'anonymous' })
console.log((await fs.catFile('${bucket}/${smallKey(1)}')).length); process.exit()`
  }
  return `import { Storage } from '${peerUrl('@google-cloud/storage', cache)}'
const [data] = await new Storage({ ${options} }).bucket('${bucket}').file('${smallKey(1)}').download()
console.log(data.length); process.exit()`
}

async function run (text: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => { said += part })
  await once(child, 'close')
  if (said.trim() !== String(smallBytes)) throw new Error(`Expected ${smallBytes} bytes from a new process`)
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const text = program(subject, stage)
  await run(text)
  const done = meter()
  for (let time = 0; time < times; time++) await run(text)
  return done({ ops: times })
}

export const gcsFirst: Case = {
  name: 'gcs-first',
  title: 'Google Cloud Storage: first read of a process',
  how: () => `A new process that imports the library, reads one object of 10 KiB without credentials and ends, Node's own start included, ${times} times in a row; files are in the page cache.`,
  unit: 'ms',
  op: 'process',
  baseline: 'sdk',
  subjects: [forkfs, gcsSdk],
  goals: [
    ratio('GCS: first anonymous read of a process, time against the SDK', 'forkfs', 'sdk', wallPerOp, '<= 0.6'),
    ratio('… CPU, against the SDK', 'forkfs', 'sdk', cpuPerOp)
  ],
  measure
}
