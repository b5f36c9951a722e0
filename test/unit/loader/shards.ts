import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import * as tar from 'tar-stream'
import { bytesOf, openReader, toBuffers, Unpacker } from '../../../lib/loader/readers/index.js'
import type { Lender, PackOptions, ReaderName, ReadOptions, ReadSample, ShardInput } from '../../../lib/loader/readers/index.js'
import type { TarSample } from '../../../lib/loader/types.js'

interface ShardOfOptions {
  readonly shard?: string
  readonly cuts?: readonly number[]
  readonly size?: number | undefined
  /** So many blocks lie in one buffer that can be taken. */
  readonly lend?: number | undefined
}
export interface Watched extends ShardInput { readonly log: { asked: number, ended: number, starts: number[] } }

/**
 * A shard in memory whose blocks end at `cuts`. Each block is overwritten when the next one is asked for, as a source that
 * reuses its buffer does: a reader that keeps a view of it returns garbage.
 */
export function shardOf (bytes: Uint8Array, options: ShardOfOptions = {}): Watched {
  const { shard = 'bucket/shard.tar', cuts = [], lend } = options
  const log = { asked: 0, ended: 0, starts: [] as number[] }
  const loan: Lender & { buffer: ArrayBuffer | undefined, last: boolean } = { buffer: undefined, last: false, take () { loan.buffer = undefined } }
  return {
    shard,
    size: 'size' in options ? options.size : bytes.length,
    log,
    lender: lend === undefined ? undefined : loan,
    async *blocks (start) {
      log.starts.push(start)
      const ends = [...new Set([...cuts.filter(cut => cut > start && cut < bytes.length), bytes.length])].sort((a, b) => a - b)
      try {
        for (let first = 0; first < ends.length; first += lend ?? 1) {
          const group = ends.slice(first, first + (lend ?? 1))
          const base = ends[first - 1] ?? start
          const buffer = new Uint8Array(bytes.subarray(base, group.at(-1)))
          loan.buffer = buffer.buffer
          for (const [at, end] of group.entries()) {
            log.asked++
            loan.last = at === group.length - 1
            yield buffer.subarray((group[at - 1] ?? base) - base, end - base)
          }
          if (lend === undefined || loan.buffer !== undefined) buffer.fill(0xaa)
        }
      } finally {
        log.ended++
      }
    }
  }
}

export function everyBytes (length: number, step: number): number[] {
  return Array.from({ length: Math.floor(length / step) }, (_, at) => (at + 1) * step)
}

/** All samples, directly. */
export async function collect (name: ReaderName, input: ShardInput, options: ReadOptions = {}): Promise<ReadSample[]> {
  const samples: ReadSample[] = []
  for await (const sample of openReader(name).read(input, options)) samples.push(sample)
  return samples
}

/** All samples, by way of packed blocks that are handed back and overwritten. `blocks` gets the bytes of each as they travel. */
export async function collectPacked (name: ReaderName, input: ShardInput, options: PackOptions = {}, blocks: number[] = []): Promise<ReadSample[]> {
  const unpacker = new Unpacker(name, input.shard)
  const free: ArrayBuffer[] = []
  const acquire = (bytes: number): ArrayBuffer => free.findLast(block => block.byteLength >= bytes) === undefined ? new ArrayBuffer(bytes) : free.pop()!
  const samples: ReadSample[] = []
  for await (const block of openReader(name).pack(input, { acquire, ...options })) {
    const sent = structuredClone(block, { transfer: toBuffers(block) })
    blocks.push(bytesOf(sent))
    samples.push(...unpacker.unpack(sent))
    for (const buffer of toBuffers(sent)) new Uint8Array(buffer).fill(0xbb)
    if (sent.table.byteLength === (options.blockBytes ?? 1024 * 1024)) free.push(sent.table)
  }
  return samples
}

export type TarFormat = 'v7' | 'ustar' | 'gnu' | 'pax'
export type TarFile = readonly [name: string, body: Uint8Array]
export interface SystemTarOptions { readonly extra?: readonly string[], readonly prepare?: (folder: string) => Promise<void> }

export interface Entry { readonly name: string, readonly body?: Uint8Array | string, readonly type?: tar.Header['type'], readonly linkname?: string }

export async function tarOf (entries: readonly Entry[]): Promise<Uint8Array> {
  const pack = tar.pack()
  for (const { name, body = '', type = 'file', linkname } of entries) {
    pack.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) }, Buffer.from(body))
  }
  pack.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of pack as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return concat(chunks)
}

/** By the system's tar, in the order given; `prepare` may change the files first. */
export async function systemTar (format: TarFormat, files: readonly TarFile[], options: SystemTarOptions = {}): Promise<Uint8Array> {
  const { extra = [], prepare } = options
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-tar-'))
  try {
    for (const [name, body] of files) {
      await mkdir(join(folder, 'in', dirname(name)), { recursive: true })
      await writeFile(join(folder, 'in', name), body)
    }
    const target = join(folder, 'out.tar')
    await prepare?.(join(folder, 'in'))
    const { TAR_OPTIONS: _, ...env } = process.env
    const names = files.map(([name]) => name)
    await promisify(execFile)('tar', [`--format=${format}`, '-C', join(folder, 'in'), ...extra, '-cf', target, ...names], { env: { ...env, LC_ALL: 'C.UTF-8' } })
    return new Uint8Array(await readFile(target))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export function concat (chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks))
}

export { pattern } from '../../conformance/bytes.js'

/** [key, { name: text }] of each sample. */
export function texts (samples: readonly ReadSample[]): Array<[string, Record<string, string>]> {
  return samples.map(({ value }) => {
    const { key, files } = value as TarSample
    return [key, Object.fromEntries(Object.entries(files).map(([name, data]) => [name, Buffer.from(data).toString()]))]
  })
}

/** One header block by hand; `patch` is applied before the checksum. */
export function header (fields: { readonly name?: string, readonly size?: number | string, readonly type?: string }, patch?: (block: Buffer) => void): Buffer {
  const block = Buffer.alloc(512)
  const { name = 'a.txt', size = 0, type = '0' } = fields
  block.write(name, 0, 100)
  block.write('0000644\0', 100)
  block.write(typeof size === 'number' ? size.toString(8).padStart(11, '0') : size, 124, 12, 'latin1')
  block.write(type, 156)
  block.write('ustar\x0000', 257, 'latin1')
  patch?.(block)
  block.fill(' ', 148, 156)
  block.write(block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ', 148, 'latin1')
  return block
}

export function padded (body: Uint8Array | string): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([bytes, Buffer.alloc((512 - bytes.length % 512) % 512)])
}
