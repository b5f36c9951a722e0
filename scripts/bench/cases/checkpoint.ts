import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { meter } from '../meter.js'
import { libraryUrl } from '../places.js'
import { bucket, checkpointFiles, checkpointKey, servedPath } from '../sizes.js'
import { forkfs, openUndici, region } from '../subjects.js'
import type { Case, Sample, Sizes, Stage } from '../types.js'
import type { CheckpointTask } from '../workers/checkpoint-reader.js'
import { cpuPerOp, ratio, wallPerOp } from './goals.js'

const processes = 8
const callsEach = 4
const calls = processes * callsEach

function checkpointBytes ({ checkpointFileBytes }: Sizes): number { return checkpointFiles * checkpointFileBytes }

/** The next message of each. @throws Error where one ends instead */
async function fromAll (readers: readonly ChildProcess[]): Promise<unknown[]> {
  return Promise.all(readers.map(async reader => {
    const stop = new AbortController()
    const ended = (code: number | null): void => { stop.abort(new Error(`a reader ended with ${code ?? 'a signal'}`)) }
    reader.once('exit', ended)
    try {
      const [message] = await once(reader, 'message', { signal: stop.signal }) as [unknown]
      return message
    } catch {
      throw stop.signal.reason
    } finally {
      reader.removeListener('exit', ended)
    }
  }))
}

/** Bytes of the checkpoint that the server has sent. */
async function servedBy ({ sinkEndpoint, cache }: Stage): Promise<() => Promise<number>> {
  const dispatcher = await openUndici(sinkEndpoint, cache, 1)
  return async () => Number(await (await dispatcher.request({ path: servedPath, method: 'GET' })).body.text())
}

async function measureIn (folder: string, mode: CheckpointTask['mode'], stage: Stage): Promise<Sample> {
  const served = await servedBy(stage)
  const task: CheckpointTask = {
    mode, index: libraryUrl('index'), checkpoint: libraryUrl('checkpoint'), endpoint: stage.sinkEndpoint, region, path: `${bucket}/${checkpointKey}`, calls: callsEach
  }
  const program = fileURLToPath(new URL('../workers/checkpoint-reader.js', import.meta.url))
  const readers = Array.from({ length: processes }, () => fork(program, [JSON.stringify(task)], { env: { ...process.env, FORKFS_TMPDIR: folder } }))
  try {
    const exits = readers.map(reader => once(reader, 'exit'))
    await fromAll(readers)
    const [before, done, started] = [await served(), meter(), performance.now()]
    for (const reader of readers) reader.send('go')
    const seen = (await fromAll(readers) as number[]).reduce((sum, bytes) => sum + bytes, 0)
    const wallMs = performance.now() - started
    const bytes = await served() - before
    for (const reader of readers) reader.send('let go')
    await Promise.all(exits)
    const whole = checkpointBytes(stage.sizes)
    if (seen !== calls * whole) throw new Error(`Expected ${calls * whole} bytes in all directories, got ${seen}`)
    if (mode === 'shared' && bytes !== whole) throw new Error(`Expected one download of ${whole} bytes, the server sent ${bytes}`)
    // The CPU is that of the readers with their start: a process tells of its children when they have ended.
    return { ...done({ ops: 1, bytes }), wallMs }
  } finally {
    for (const reader of readers) reader.kill('SIGKILL')
  }
}

async function measure (subject: string, stage: Stage): Promise<Sample> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-bench-checkpoint-'))
  try {
    return await measureIn(folder, subject === 'forkfs' ? 'shared' : 'each', stage)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const checkpoint: Case = {
  name: 'checkpoint',
  title: `One checkpoint, ${processes} processes, ${callsEach} calls each`,
  how: sizes => `A checkpoint of ${checkpointFiles} files, ${checkpointBytes(sizes) / 2 ** 20} MiB in all, wanted ${calls} times at once: with \`Checkpoint.asDirectory()\`, and with a copy per call, by \`get()\`. ` +
    'Measured from the word to begin until every call has its directory; the processes run already. The server counts what it sends: the run fails unless that is the checkpoint once.',
  unit: 'ms',
  op: 'start',
  baseline: 'each',
  subjects: [{ ...forkfs, label: 'forkfs, `asDirectory`' }, { id: 'each', label: 'forkfs, `get` for each call' }],
  goals: [
    ratio('a checkpoint for 8 processes x 4 calls, bytes from the store, against a copy each', 'forkfs', 'each', ({ bytes }) => bytes, '<= 0.03125'),
    ratio('… time until all have it', 'forkfs', 'each', wallPerOp),
    ratio('… CPU', 'forkfs', 'each', cpuPerOp)
  ],
  measure
}
