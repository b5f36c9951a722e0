/**
 * A process that reads a checkpoint several times at once. argv[2]: the task. It says when it is ready, begins when it is told, says
 * how many bytes it has before it, and lets go when it is told.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import type { filesystem as Filesystem } from '../../../lib/index.js'
import type { Checkpoint as CheckpointClass } from '../../../lib/checkpoint/index.js'

export interface CheckpointTask {
  /** 'shared': with Checkpoint; 'each': every call loads its own copy. */
  readonly mode: 'shared' | 'each'
  readonly index: string
  readonly checkpoint: string
  readonly endpoint: string
  readonly region: string
  readonly path: string
  readonly calls: number
}

interface Copy { readonly path: string, release (): Promise<void> }

const task = JSON.parse(process.argv[2]!) as CheckpointTask
const { filesystem } = await import(task.index) as { readonly filesystem: typeof Filesystem }
const { Checkpoint } = await import(task.checkpoint) as { readonly Checkpoint: typeof CheckpointClass }
const fs = filesystem('s3', { endpoint: task.endpoint, region: task.region })

async function take (): Promise<Copy> {
  if (task.mode === 'shared') return new Checkpoint(task.path, fs).asDirectory()
  const path = await mkdtemp(join(process.env['FORKFS_TMPDIR'] ?? tmpdir(), 'copy-'))
  await fs.get(`${task.path}/`, path, { recursive: true })
  return { path, release: () => rm(path, { recursive: true }) }
}

async function bytesIn ({ path }: Copy): Promise<number> {
  const names = await readdir(path)
  const sizes = await Promise.all(names.map(async name => (await stat(join(path, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

process.send!('ready')
await once(process, 'message')
const copies = await Promise.all(Array.from({ length: task.calls }, take))
const sizes = await Promise.all(copies.map(bytesIn))
process.send!(sizes.reduce((sum, size) => sum + size, 0))
await once(process, 'message')
await Promise.all(copies.map(copy => copy.release()))
await fs.close()
process.disconnect()
