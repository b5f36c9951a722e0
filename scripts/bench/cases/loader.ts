import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { libraryUrl, peerUrl, root } from '../places.js'
import { meter } from '../meter.js'
import { bucket, shardKey } from '../sizes.js'
import { forkfs, needsProgram, openForkfs } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import type { ShardReadTask } from '../workers/shard-reads.js'
import type { SampleBlock, ShardTask, WorkerEnd } from '../workers/shards.js'
import { cpuPerOp, perSecond, ratio } from './goals.js'
import type { DataLoader as Loader, TarSample } from '../../../lib/loader/index.js'

const workers = 2
/** Times that the long loader reads the shards. */
const rounds = 4
const run = promisify(execFile)

function paths ({ sizes }: Stage): string[] {
  return Array.from({ length: sizes.shards }, (_, index) => `${bucket}/${shardKey(index)}`)
}

/** From making the loader to its last sample: workers are started within it. */
async function dataLoader (stage: Stage, times: number): Promise<Sample> {
  const { DataLoader } = await import(libraryUrl('loader')) as { readonly DataLoader: typeof Loader }
  const fs = await openForkfs(stage.endpoint)
  const done = meter()
  const loader = new DataLoader<TarSample>({ shards: { fs, paths: Array.from({ length: times }, () => paths(stage)).flat() }, reader: 'tar', workers, kind: 'thread', rank: 'all' })
  let [ops, bytes] = [0, 0]
  for await (const { files } of loader) {
    ops++
    for (const data of Object.values(files)) bytes += data.length
  }
  const sample = done({ ops, bytes })
  await loader.close()
  return sample
}

async function overForkfs (stage: Stage): Promise<Sample> {
  const fs = await openForkfs(stage.endpoint)
  const all = paths(stage)
  const done = meter()
  let bytes = 0
  await Promise.all(Array.from({ length: workers }, async (_, rank) => {
    const task: ShardReadTask = { module: libraryUrl('index'), fs: fs.toJSON({ credentials: true }), paths: all.filter((_, index) => index % workers === rank) }
    const worker = new Worker(new URL('../workers/shard-reads.js', import.meta.url), { workerData: task })
    worker.on('message', (message: WorkerEnd) => { bytes += message.bytes })
    await once(worker, 'exit')
  }))
  const expected = samplesIn(stage) * memberBytes + all.length * 1024
  if (bytes !== expected) throw new Error(`Expected ${expected} bytes, got ${bytes}`)
  return done({ ops: samplesIn(stage), bytes })
}

async function overUndici (stage: Stage, mode: ShardTask['mode']): Promise<Sample> {
  const undici = peerUrl('undici', stage.cache)
  const all = paths(stage)
  const done = meter()
  let [ops, bytes] = [0, 0]
  await Promise.all(Array.from({ length: workers }, async (_, rank) => {
    const task: ShardTask = { mode, undici, endpoint: stage.endpoint, paths: all.filter((_, index) => index % workers === rank) }
    const worker = new Worker(new URL('../workers/shards.js', import.meta.url), { workerData: task })
    worker.on('message', (message: SampleBlock | WorkerEnd) => {
      if ('end' in message) {
        if (mode === 'download') bytes += message.bytes
        return
      }
      const { buffer, members } = message
      for (let at = 0; at < members.length; at += 2) {
        ops++
        bytes += new Uint8Array(buffer, members[at]!, members[at + 1]! - members[at]!).length
      }
      worker.postMessage(buffer, [buffer])
    })
    await once(worker, 'exit')
  }))
  // A download has no samples; it is counted as if each were there, so that both can be compared.
  return done({ ops: mode === 'download' ? samplesIn(stage) : ops, bytes })
}

/** Of a shard, for 10 KiB. Two empty blocks follow the last member. */
const memberBytes = 10_752

export function samplesIn ({ sizes }: Stage): number { return sizes.shards * Math.floor(sizes.shardBytes / memberBytes) }

async function webdataset (stage: Stage): Promise<Sample> {
  const urls = paths(stage).map(path => `${stage.endpoint}/${path}`)
  const { stdout } = await run(stage.python!, [join(root, 'scripts/bench/workers/webdataset_loader.py'), String(workers), ...urls], { maxBuffer: 1 << 20 })
  const told = JSON.parse(stdout.trim().split('\n').at(-1)!) as Sample
  return { ...told }
}

const subjects: Readonly<Record<string, (stage: Stage) => Promise<Sample>>> = {
  forkfs: stage => dataLoader(stage, 1),
  'forkfs-long': stage => dataLoader(stage, rounds),
  'forkfs-reads': overForkfs,
  undici: stage => overUndici(stage, 'samples'),
  download: stage => overUndici(stage, 'download'),
  webdataset
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const sample = await subjects[subject]!(stage)
  const samples = samplesIn(stage) * (subject === 'forkfs-long' ? rounds : 1)
  if (sample.ops !== samples) throw new Error(`Expected ${samples} samples, got ${sample.ops}`)
  return sample
}

export const loader: Case = {
  name: 'loader',
  title: `Loading tar shards with ${workers} workers`,
  how: ({ shards, shardBytes }) => `${shards} tar shards of ${shardBytes / 2 ** 20} MiB with members of 10 KiB, from making the loader (its workers start within) to the last sample in the consumer, which looks at the length of each. webdataset reads with \`pipe:curl\` in two processes.`,
  unit: 'ops/s',
  op: 'sample',
  baseline: 'webdataset',
  subjects: [
    { ...forkfs, label: 'forkfs `DataLoader`, threads' },
    { id: 'undici', label: 'a bare loader over undici, threads, blocks handed back' },
    { id: 'forkfs-reads', label: 'an instance in threads, `open` and `read`, dropped' },
    { id: 'download', label: 'undici in threads, downloaded and dropped' },
    { id: 'forkfs-long', label: `forkfs \`DataLoader\`, the shards ${rounds} times` },
    { id: 'webdataset', label: 'webdataset (Python), processes', missing: ({ python }) => python === undefined ? 'no Python with webdataset (--install)' : needsProgram('curl')() }
  ],
  goals: [
    ratio('tar samples per second, against webdataset', 'forkfs', 'webdataset', perSecond, '>= 2'),
    ratio('… CPU per sample, against webdataset', 'forkfs', 'webdataset', cpuPerOp, '<= 0.4'),
    ratio('… per second, against undici downloading the same in the same workers', 'forkfs', 'download', perSecond, '>= 0.9'),
    ratio('… per second, against a bare loader over undici', 'forkfs', 'undici', perSecond, '>= 0.9'),
    ratio('reading shards in 2 workers, bytes per second against undici downloading the same in the same workers', 'forkfs-reads', 'download', perSecond, '>= 0.9'),
    ratio(`peak memory of the loader over ${rounds} times the shards, against once`, 'forkfs-long', 'forkfs', ({ rssMiB }) => rssMiB, '<= 1.25')
  ],
  measure
}
