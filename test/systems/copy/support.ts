/** Two stores of this repository's servers, a folder and a tree in memory, to copy between. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clearInstanceCache } from '../../../lib/index.js'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import type { S3FileSystem } from '../../../implementations/s3/index.js'
import { filesystem } from '../../../lib/index.js'
import type { CopyOptions, Progress, UrlOptions } from '../../../lib/index.js'
import { optionsOf } from '../../implementations/s3/support.js'
import { startGcsServer, startS3Server } from '../../servers/index.js'
import type { GcsServer, S3Server } from '../../servers/index.js'

export { code, MiB, pattern } from '../../implementations/s3/support.js'

const retry = { attempts: 2, baseMs: 1, maxMs: 5 }

export interface Places {
  readonly s3: S3Server
  readonly gs: GcsServer
  /** An empty folder. */
  readonly folder: string
  readonly options: UrlOptions
  /** The filesystems that URLs with these options name. */
  readonly s3fs: S3FileSystem
  readonly gsfs: GcsFileSystem
}

/** Each store has one empty bucket, `data`. In the end nothing may be left open: no socket, no request, no upload. */
export async function onStores (fn: (places: Places) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-copy-'))
  const before = process.env['FORKFS_TMPDIR']
  process.env['FORKFS_TMPDIR'] = await mkdtemp(join(tmpdir(), 'forkfs-copy-own-'))
  const s3 = await startS3Server({ buckets: ['data'], opaqueEtags: false })
  const gs = await startGcsServer({ buckets: ['data'] })
  const options = { s3: { ...optionsOf(s3), retry }, gs: { apiEndpoint: gs.endpoint, credentials: 'anonymous', retry } } as const
  try {
    await fn({ s3, gs, folder, options, s3fs: filesystem('s3', options.s3), gsfs: filesystem('gs', options.gs) })
    await clearInstanceCache()
    for (const server of [s3, gs]) await server.reached({ sockets: 0, inFlight: 0 })
    assert.deepEqual([await s3.uploads('data'), await gs.uploads('data')], [[], []])
  } finally {
    await clearInstanceCache()
    await Promise.all([s3.close(), gs.close()])
    await Promise.all([folder, process.env['FORKFS_TMPDIR']].map(path => rm(path, { recursive: true, force: true })))
    if (before === undefined) delete process.env['FORKFS_TMPDIR']
    else process.env['FORKFS_TMPDIR'] = before
  }
}

export function same (a: Uint8Array | undefined, b: Uint8Array): boolean { return a !== undefined && Buffer.compare(a, b) === 0 }

export function text (data: Uint8Array | undefined): string | undefined { return data === undefined ? undefined : Buffer.from(data).toString() }

/** Every call of a progress, in order. */
export class Recorder implements Progress {
  readonly said: string[] = []
  readonly children = new Map<string, Recorder>()

  setSize (size: number): void { this.said.push(`size ${size}`) }
  advance (by: number): void { this.said.push(`+${by}`) }
  close (): void { this.said.push('closed') }
  branch (source: string, target: string): Recorder {
    const child = new Recorder()
    this.children.set(`${source} -> ${target}`, child)
    return child
  }
}

/** Something that happens when the first bytes of a file have arrived. */
export function onFirstBytes (happens: () => void): CopyOptions {
  let happened = false
  const child: Progress = {
    setSize () {},
    advance () {
      if (happened) return
      happened = true
      happens()
    }
  }
  return { progress: { setSize () {}, advance () {}, branch: () => child } }
}
