/** Real files, packed into tar archives that are streamed to the store as they are made. */
import { opendir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { FileSystem } from '../../lib/index.js'
import { sha256 } from './ledger.js'
import type { Ledger } from './ledger.js'
import { endOfArchive, fileHeader, padding } from './tar.js'

const MiB = 1024 * 1024
const mostShardBytes = 16 * MiB
const fewestShards = 12
/** What goes to the store in one write. */
const pieceBytes = MiB
const shardsAtOnce = 3

/** Files that differ only in what follows the first dot of the name: one sample of a WebDataset. */
interface Sample { readonly key: string, readonly parts: ReadonlyMap<string, string>, readonly bytes: number }

export interface ShardPlan { readonly path: string, readonly samples: readonly Sample[], readonly bytes: number }

/** Sizes of shards for so many bytes in all: at least twelve of them, none above 16 MiB. */
export function shardSize (totalBytes: number): number {
  return Math.min(mostShardBytes, Math.ceil(totalBytes / fewestShards))
}

/** The files below a folder as samples, in a fixed order; files larger than `mostBytes` are left out. */
export async function collectSamples (folder: string, mostBytes: number): Promise<Sample[]> {
  const samples = new Map<string, { parts: Map<string, string>, bytes: number }>()
  for await (const file of filesOf(folder)) {
    const { size } = await stat(file)
    if (size === 0 || size > mostBytes) continue
    const name = relative(folder, file).split(sep).join('/')
    const dot = name.indexOf('.', name.lastIndexOf('/') + 2)
    if (dot < 0) continue
    const [key, part] = [name.slice(0, dot), name.slice(dot + 1).toLowerCase()]
    const sample = samples.get(key) ?? { parts: new Map<string, string>(), bytes: 0 }
    if (sample.parts.has(part)) continue // differs only in case
    samples.set(key, sample)
    sample.parts.set(part, file)
    sample.bytes += size
  }
  return [...samples].map(([key, { parts, bytes }]) => ({ key, parts, bytes }))
}

async function * filesOf (folder: string): AsyncGenerator<string, void, undefined> {
  const entries = []
  for await (const entry of await opendir(folder)) if (!entry.name.startsWith('.')) entries.push(entry)
  entries.sort((a, b) => a.name < b.name ? -1 : 1)
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesOf(join(folder, entry.name))
    else if (entry.isFile()) yield join(folder, entry.name)
  }
}

/** Shards of about one size, with the files again under another prefix until there are enough bytes. */
export function planShards (samples: readonly Sample[], totalBytes: number, prefix: string): ShardPlan[] {
  const size = shardSize(totalBytes)
  const shards: ShardPlan[] = []
  let current: Sample[] = []
  let bytes = 0
  let planned = 0
  const close = (): void => {
    shards.push({ path: `${prefix}/${String(shards.length).padStart(3, '0')}.tar`, samples: current, bytes })
    current = []
    bytes = 0
  }
  for (let round = 0; planned < totalBytes; round++) {
    for (const sample of samples) {
      current.push({ ...sample, key: `${round}/${sample.key}` })
      bytes += sample.bytes
      planned += sample.bytes
      if (bytes >= size || planned >= totalBytes) close()
      if (planned >= totalBytes) break
    }
  }
  return shards
}

/** Write them all, a few at a time, and enter every file's hash in the ledger. */
export async function writeShards (
  fs: FileSystem, plans: readonly ShardPlan[], ledger: Ledger, written: (bytes: number) => void, signal: AbortSignal
): Promise<void> {
  const queue = plans.values()
  const writer = async (): Promise<void> => {
    for (const plan of queue) await writeShard(fs, plan, ledger, written, signal)
  }
  const ends = await Promise.allSettled(Array.from({ length: shardsAtOnce }, writer))
  const failed = ends.find(end => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function writeShard (fs: FileSystem, plan: ShardPlan, ledger: Ledger, written: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  await fs.withFile(plan.path, 'w', async file => {
    let pending: Uint8Array[] = []
    let pendingBytes = 0
    const flush = async (): Promise<void> => {
      const piece = Buffer.concat(pending)
      pending = []
      pendingBytes = 0
      await file.write(piece)
    }
    const push = (chunk: Uint8Array): void => {
      pending.push(chunk)
      pendingBytes += chunk.length
    }
    for (const { key, parts } of plan.samples) {
      const hashes: Record<string, string> = {}
      let bytes = 0
      for (const [part, source] of parts) {
        const data = await readFile(source)
        hashes[part] = sha256(data)
        bytes += data.length
        push(fileHeader(`${key}.${part}`, data.length))
        push(data)
        push(padding(data.length))
        if (pendingBytes >= pieceBytes) await flush()
      }
      ledger.expect(plan.path, key, hashes, bytes)
      written(bytes)
    }
    push(endOfArchive)
    await flush()
  }, { signal })
}
