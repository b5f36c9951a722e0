/** Persists, reads or describes a checkpoint once, or until it is killed. */
import { createHash } from 'node:crypto'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { filesystem } from '../../../lib/index.js'
import type { Progress } from '../../../lib/index.js'
import { contentsOf } from '../../../test/systems/checkpoint/fixtures/actor.js'
import { job, leave, listen, say } from '../child.js'

export interface CheckpointJob {
  readonly mode: 'persist' | 'read' | 'place' | 'metadata'
  /** undefined: the path is a local one. */
  readonly s3: Record<string, unknown> | undefined
  readonly path: string
  /** What is persisted, or where the copy goes. */
  readonly directory: string
}

const { mode, s3, path, directory } = job<CheckpointJob>()
const fs = s3 === undefined ? filesystem('file') : filesystem('s3', s3)
const checkpoint = new Checkpoint(path, fs)
const progress: Progress = { setSize (size) { say('size', size) }, advance (by) { say('advance', by) } }
const told = new Promise<void>(resolve => { listen(() => { resolve() }) })
process.channel!.ref() // it stays until it is told, or killed

/** Metadata that can be seen to be whole: a digest of itself. */
async function describe (): Promise<void> {
  for (let n = 1; n <= 40; n++) {
    const text = 'x'.repeat(n * 997 % 30_000)
    await checkpoint.updateMetadata({ n, text, digest: createHash('sha256').update(`${n}${text}`).digest('hex') })
    say('described', n)
  }
}

say('ready')
if (mode === 'persist') await Checkpoint.persist(directory, path, { filesystem: fs, progress })
else if (mode === 'place') say('placed', contentsOf(await checkpoint.toDirectory(directory, { progress })))
else if (mode === 'metadata') await describe()
else {
  const copy = await checkpoint.asDirectory({ progress })
  say('opened', contentsOf(copy.path))
  await told
  await copy.release()
}
say('done')
leave()
