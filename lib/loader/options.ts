import { checkNames, isObject, nearestName } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { revive } from '../registry/revive.js'
import { entryUrl } from '../workers/options.js'
import { readerNames } from './readers/index.js'
import { resolveRank } from './plan.js'
import type { LoaderOptions } from './types.js'

const names: ReadonlySet<string> = new Set(['shards', 'reader', 'options', 'workers', 'kind', 'prefetchBytes', 'ordered', 'shuffle', 'rank', 'worldSize', 'even', 'epoch', 'onError',
  'resume', 'progress', 'signal', 'workerUrl'] satisfies ReadonlyArray<keyof LoaderOptions>)
const shuffleNames: ReadonlySet<string> = new Set(['seed', 'buffer'])
const shardsNames: ReadonlySet<string> = new Set(['fs', 'paths'])
const defaultPrefetchBytes = 64 * 1024 * 1024

/** What is left to find out is the list of shards (a glob needs a listing) and the number of workers. */
export interface ResolvedLoaderOptions {
  readonly shards: LoaderOptions['shards']
  readonly reader: LoaderOptions['reader']
  readonly options: LoaderOptions['options']
  /** undefined: min(4, available parallelism, number of shards). */
  readonly workers: number | undefined
  readonly kind: NonNullable<LoaderOptions['kind']>
  readonly prefetchBytes: number
  readonly ordered: boolean
  readonly seed: number | undefined
  /** Samples in the shuffle buffer; undefined: only shards are shuffled. */
  readonly buffer: number | undefined
  readonly rank: number
  readonly worldSize: number
  readonly even: LoaderOptions['even']
  readonly epoch: number
  readonly onError: 'raise' | 'skip'
  readonly resume: LoaderOptions['resume']
  readonly progress: LoaderOptions['progress']
  readonly signal: AbortSignal | undefined
  readonly workerUrl: URL | undefined
}

/**
 * Check everything that needs no I/O and fill the defaults.
 *
 * @param env normally process.env: where launchers put rank and world size
 * @throws TypeError for a wrong type, an unknown option (naming the nearest known one), or a rank left open where a launcher set one
 * @throws RangeError for a number out of its range
 */
export function resolveLoaderOptions (options: LoaderOptions, env: Readonly<Record<string, string | undefined>>): ResolvedLoaderOptions {
  if (!isObject(options)) throw wrong('options', 'an object', options)
  checkNames('DataLoader', options, names)
  const { shards, reader, workers, kind, prefetchBytes, ordered, epoch, even, onError, resume, progress, signal, workerUrl } = options
  checkShards(shards)
  checkReader(reader)
  if (workers !== undefined) integer('workers', workers, 0)
  if (kind !== undefined) oneOf('kind', kind, ['thread', 'process', 'in-process'])
  if (prefetchBytes !== undefined) integer('prefetchBytes', prefetchBytes, 1)
  if (ordered !== undefined && typeof ordered !== 'boolean') throw wrong('ordered', 'a boolean', ordered)
  if (epoch !== undefined) integer('epoch', epoch, 0)
  if (even !== undefined) oneOf('even', even, ['drop', 'pad', 'error'])
  if (onError !== undefined) oneOf('onError', onError, ['raise', 'skip'])
  for (const name of ['options', 'resume', 'progress'] as const) {
    if (options[name] !== undefined && !isObject(options[name])) throw wrong(name, 'an object', options[name])
  }
  if (signal !== undefined && !(isObject(signal) && 'aborted' in signal && typeof signal.addEventListener === 'function')) throw wrong('signal', 'an AbortSignal', signal)
  return {
    shards: arrived(shards), reader, options: options.options, workers, kind: kind ?? 'thread', prefetchBytes: prefetchBytes ?? defaultPrefetchBytes, ordered: ordered ?? true,
    ...resolveShuffle(options.shuffle), ...resolveRank(options, env), even, epoch: epoch ?? 0, onError: onError ?? 'raise', resume, progress, signal,
    workerUrl: workerUrl === undefined ? undefined : entryUrl(workerUrl)
  }
}

function resolveShuffle (shuffle: LoaderOptions['shuffle']): { readonly seed: number | undefined, readonly buffer: number | undefined } {
  if (shuffle === undefined || shuffle === false) return { seed: undefined, buffer: undefined }
  if (!isObject(shuffle)) throw wrong('shuffle', 'false or { seed, buffer }', shuffle)
  checkNames('`shuffle`', shuffle, shuffleNames)
  integer('shuffle.seed', shuffle.seed, 0)
  if (shuffle.buffer !== undefined) integer('shuffle.buffer', shuffle.buffer, 1)
  return { seed: shuffle.seed, buffer: shuffle.buffer }
}

function checkShards (shards: LoaderOptions['shards']): void {
  const list = isObject(shards) && 'fs' in shards ? shards.paths : shards
  const name = list === shards ? 'shards' : 'shards.paths'
  if (list !== shards) {
    checkNames('`shards`', shards as object, shardsNames)
    const { fs } = shards as { readonly fs: unknown }
    if (!isObject(fs) || !('$forkfs' in fs)) throw wrong('shards.fs', 'a FileSystem', fs)
  }
  if (typeof list === 'string') {
    if (list === '') throw wrong(name, 'a URL or path, or an array of them', list)
    return
  }
  if (!Array.isArray(list)) throw wrong(name, 'a URL or path, or an array of them', list)
  if (list.length === 0) throw new RangeError(`Expected \`${name}\` to have at least one shard, got none`)
  list.forEach((shard: unknown, at) => { if (typeof shard !== 'string' || shard === '') throw wrong(`${name}[${at}]`, 'a URL or path', shard) })
}

/** What a worker got from its parent may be a descriptor yet. */
function arrived (shards: LoaderOptions['shards']): LoaderOptions['shards'] {
  return typeof shards === 'object' && 'fs' in shards ? { fs: revive(shards.fs, { allowModules: true }) as FileSystem, paths: shards.paths } : shards
}

const readers = `one of ${readerNames.join(', ')}, or a URL object, new URL('./reader.js', import.meta.url)`

function checkReader (reader: LoaderOptions['reader']): void {
  if (isUrl(reader)) return
  if (typeof reader !== 'string') throw wrong('reader', readers, reader)
  if ((readerNames as readonly string[]).includes(reader)) return
  throw new TypeError(`Expected \`reader\` to be ${readers}, got \`${reader}\`${hint(reader, readerNames)}`)
}

/** By shape: a URL of another realm is one too. */
function isUrl (value: unknown): value is URL {
  return isObject(value) && typeof (value as { href?: unknown }).href === 'string' && typeof (value as { protocol?: unknown }).protocol === 'string'
}

function oneOf (name: string, value: unknown, known: readonly string[]): void {
  if (typeof value === 'string' && known.includes(value)) return
  throw new TypeError(`Expected \`${name}\` to be one of ${known.join(', ')}, got \`${String(value)}\` (${typeof value})${typeof value === 'string' ? hint(value, known) : ''}`)
}

function integer (name: string, value: unknown, least: number): void {
  if (typeof value !== 'number') throw wrong(name, `an integer >= ${least}`, value)
  if (!Number.isSafeInteger(value) || value < least) throw new RangeError(`Expected \`${name}\` to be an integer >= ${least}, got \`${value}\` (number)`)
}

/** Objects are named by their type only: they may hold secrets. */
function wrong (name: string, expected: string, value: unknown): TypeError {
  const shown = typeof value === 'object' && value !== null ? 'an object' : `\`${String(value)}\` (${typeof value})`
  return new TypeError(`Expected \`${name}\` to be ${expected}, got ${Array.isArray(value) ? 'an array' : shown}`)
}

function hint (name: string, known: readonly string[]): string {
  const near = nearestName(name, known)
  return near === undefined ? '' : `; did you mean \`${near}\`?`
}
