import { createHash } from 'node:crypto'
import { isObject } from '../errors/index.js'
import type { RandomState } from './random.js'
import type { SamplePlace, ShuffleBufferState } from './shuffle-buffer.js'
import type { LoaderState } from './types.js'

/** What a loader reads, as far as it decides which sample comes when. */
export interface LoaderIdentity {
  readonly reader: string
  readonly epoch: number
  readonly seed: number | undefined
  readonly buffer: number | undefined
  readonly rank: number
  readonly worldSize: number
  readonly even: 'drop' | 'pad' | 'error' | undefined
  /** Shards in the whole list, and {@link digestShards} of it. */
  readonly shards: number
  readonly digest: string
}

/** How far a shard was taken: records below `next`; `index` and `offset` are those of the last one, from which reading can begin. */
export interface ShardProgress { readonly ordinal: number, readonly next: number, readonly offset: number | undefined }

export interface DecodedState {
  readonly identity: LoaderIdentity
  /** Samples the consumer has taken in this epoch. */
  readonly samples: number
  /** Finished shards by their place in the plan, as ranges [first, last + 1), ascending. */
  readonly done: ReadonlyArray<readonly [start: number, end: number]>
  /** Shards begun and not finished, ascending. */
  readonly begun: readonly ShardProgress[]
  readonly buffer: ShuffleBufferState | undefined
}

/** 128 bits of SHA-256 over the list in its order, as hexadecimal digits. Equal lists have equal digests in every process. */
export function digestShards (shards: readonly string[]): string {
  const hash = createHash('sha256')
  for (const shard of shards) hash.update(`${shard.length}:${shard}`)
  return hash.digest('hex').slice(0, 32)
}

/** Plain JSON, small: shards that are done cost two numbers for each unbroken run of them. */
export function encodeState (state: DecodedState): LoaderState {
  const { identity, samples, done, begun, buffer } = state
  const { reader, epoch, seed, buffer: size, rank, worldSize, even, shards, digest } = identity
  return {
    v: 1, reader, epoch, seed: seed ?? null, shuffleBuffer: size ?? null, rank, worldSize, even: even ?? null, shards, digest, samples,
    done: done.map(range => [...range]),
    begun: begun.map(({ ordinal, next, offset }) => [ordinal, next, offset ?? null]),
    held: buffer === undefined ? null : encodeBuffer(buffer)
  }
}

function encodeBuffer ({ random, held }: ShuffleBufferState): unknown {
  return { random: [...random], samples: held.map(({ ordinal, index, offset }) => [ordinal, index, offset ?? null]) }
}

/**
 * @param planned shards in this rank's plan
 * @throws TypeError for what is no such state, and for a state of another loader, naming what differs. The number of workers,
 * prefetch and order of delivery may differ.
 */
export function decodeState (state: LoaderState, identity: LoaderIdentity, planned: number): DecodedState {
  const value: unknown = state
  if (!isObject(value) || value['v'] !== 1) throw malformed('v', 'to be 1', isObject(value) ? value['v'] : value)
  refuseOther(value, identity)
  const samples = integer(value['samples'], 'samples', Number.MAX_SAFE_INTEGER)
  const done = list(value['done'], 'done').map((range, at) => decodeRange(range, `done[${at}]`, planned))
  const begun = list(value['begun'], 'begun').map((entry, at) => {
    const [ordinal, next, offset] = triple(entry, `begun[${at}]`, planned)
    return { ordinal, next, offset }
  })
  checkAscending(done.map(range => range[0]), done.map(range => range[1]), 'done')
  checkAscending(begun.map(entry => entry.ordinal), begun.map(entry => entry.ordinal + 1), 'begun')
  for (const { ordinal } of begun) {
    if (done.some(range => ordinal >= range[0] && ordinal < range[1])) throw malformed('begun', 'to name no shard that is done', ordinal)
  }
  return { identity, samples, done, begun, buffer: decodeBuffer(value['held'], identity.buffer, planned) }
}

const compared = [
  ['reader', 'reader'], ['epoch', 'epoch'], ['seed', 'seed'], ['shuffleBuffer', 'buffer'], ['rank', 'rank'], ['worldSize', 'worldSize'], ['even', 'even'],
  ['shards', 'shards'], ['digest', 'digest']
] as const

function refuseOther (value: Readonly<Record<string, unknown>>, identity: LoaderIdentity): void {
  const labels: Partial<Record<string, string>> = {
    seed: '`shuffle.seed`', buffer: '`shuffle.buffer`', shards: 'the number of shards', digest: 'the list of shards'
  }
  const differing: string[] = []
  for (const [field, own] of compared) {
    const theirs = value[field]
    if (theirs === undefined) throw malformed(field, 'to be there', theirs)
    const ours = identity[own] ?? null
    if (theirs === ours) continue
    const label = labels[own] ?? `\`${own}\``
    differing.push(own === 'digest' ? label : `${label} (${show(theirs)} there, ${show(ours)} here)`)
  }
  if (differing.length > 0) {
    throw new TypeError(`Expected \`resume\` to be a state of this loader; these differ: ${differing.join(', ')}. Give the loader what the state was made with`)
  }
}

function decodeBuffer (value: unknown, size: number | undefined, planned: number): ShuffleBufferState | undefined {
  if (value === null && size === undefined) return undefined
  if (!isObject(value) || size === undefined) throw malformed('held', size === undefined ? 'to be null' : 'to be an object', value)
  const words = list(value['random'], 'held.random').map((word, at) => integer(word, `held.random[${at}]`, 0xffff_ffff))
  if (words.length !== 4 || words.every(word => word === 0)) throw malformed('held.random', 'to be four integers, not all 0', value['random'])
  const held: SamplePlace[] = list(value['samples'], 'held.samples').map((entry, at) => {
    const [ordinal, index, offset] = triple(entry, `held.samples[${at}]`, planned)
    return { ordinal, index, offset }
  })
  if (held.length > size) throw malformed('held.samples', `to have at most ${size} entries`, held.length)
  return { random: words as unknown as RandomState, held }
}

function decodeRange (value: unknown, name: string, planned: number): readonly [number, number] {
  const entries = list(value, name)
  const start = integer(entries[0], `${name}[0]`, planned)
  const end = integer(entries[1], `${name}[1]`, planned)
  if (entries.length !== 2 || start >= end) throw malformed(name, 'to be [start, end) with start < end', JSON.stringify(entries))
  return [start, end]
}

function triple (value: unknown, name: string, planned: number): readonly [number, number, number | undefined] {
  const entries = list(value, name)
  if (entries.length !== 3) throw malformed(name, 'to have three entries', entries.length)
  const ordinal = integer(entries[0], `${name}[0]`, planned - 1)
  const count = integer(entries[1], `${name}[1]`, 0xffff_ffff)
  return [ordinal, count, entries[2] === null ? undefined : integer(entries[2], `${name}[2]`, Number.MAX_SAFE_INTEGER)]
}

function checkAscending (starts: readonly number[], ends: readonly number[], name: string): void {
  for (let at = 1; at < starts.length; at++) {
    if (starts[at]! < ends[at - 1]!) throw malformed(name, 'to ascend without overlap', starts[at])
  }
}

function integer (value: unknown, name: string, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > most) throw malformed(name, `to be an integer in 0..${most}`, value)
  return value
}

function list (value: unknown, name: string): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed(name, 'to be an array', value)
  return value as unknown[]
}

function malformed (name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Expected \`resume.${name}\` ${expected}, got ${show(value)}`)
}

function show (value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object' : `\`${String(value).slice(0, 100)}\` (${typeof value})`
}
