import { FsError, isRecord } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import type { StreamFlags, StreamOptions, StreamRange } from './types.js'

const own: ReadonlySet<string> = new Set(['signal', 'begin', 'end', 'onUploadError', 'onDispose', 'contentType', 'metadata', 'partBytes', 's3cfg', 'redis'])

/** What is wrong with the arguments is told before any I/O. */
export function checkStream (flags: unknown, options: StreamOptions): asserts flags is StreamFlags {
  if (flags === 'a' || flags === 'r+') {
    throw new FsError('FORKFS_NOT_SUPPORTED', `a stream is written whole: '${flags}' would have to fetch the old contents first. Read them, and write with 'w'`, { operation: 'openStream' })
  }
  if (flags !== 'r' && flags !== 'w' && flags !== 'wx') throw new TypeError(`Expected the flags to be 'r', 'w' or 'wx', got \`${String(flags)}\``)
  if (!isRecord(options)) throw new TypeError('Expected the options to be an object')
  checkRange(options)
  for (const name of flags === 'r' ? [] : ['begin', 'end'] as const) {
    if (options[name] !== undefined) throw new TypeError(`Expected no \`${name}\` for a write: it begins at 0 and ends where it ends`)
  }
  expectOneOf('onUploadError', options.onUploadError, ['keep', 'discard'])
  expectOneOf('onDispose', options.onDispose, ['commit', 'abort'])
  const { s3cfg, redis, partBytes, signal } = options
  if (s3cfg !== undefined && s3cfg !== false && typeof s3cfg !== 'string') throw new TypeError(`Expected \`s3cfg\` to be a path or false, got (${typeof s3cfg})`)
  if (redis !== undefined && !isRecord(redis)) throw new TypeError('Expected `redis` to be an object of options')
  if (partBytes !== undefined) expectInteger('partBytes', partBytes, 1)
  if (signal !== undefined && typeof (signal as Partial<AbortSignal> | null)?.aborted !== 'boolean') throw new TypeError(`Expected \`signal\` to be an AbortSignal, got (${typeof signal})`)
}

/** @throws TypeError, RangeError: begin and end are not negative, and end lies behind begin */
export function checkRange ({ begin, end }: { readonly begin?: number | undefined, readonly end?: number | undefined }): StreamRange {
  if (begin !== undefined) expectInteger('begin', begin, 0)
  if (end !== undefined) expectInteger('end', end, 1)
  if (end !== undefined && end <= (begin ?? 0)) throw new RangeError(`Expected \`end\` to be more than \`begin\` (${begin ?? 0}), got \`${end}\` (number)`)
  return { begin: begin ?? 0, end }
}

function expectOneOf (name: string, value: unknown, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value as string)) throw new TypeError(`Expected \`${name}\` to be one of ${known.join(', ')}, got \`${String(value)}\` (${typeof value})`)
}

/** The options of the protocols. A bare host as an endpoint gets https; one with a scheme is taken as meant. */
export function urlOptions (options: StreamOptions): UrlOptions {
  const rest: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) if (!own.has(name)) rest[name] = withScheme(value)
  return rest as UrlOptions
}

function withScheme (options: unknown): unknown {
  if (!isRecord(options)) return options
  const changed: Record<string, unknown> = { ...options }
  for (const name of ['endpoint', 'apiEndpoint']) {
    const value = changed[name]
    if (typeof value === 'string' && value !== '' && !value.includes('://')) changed[name] = `https://${value}`
  }
  return changed
}
