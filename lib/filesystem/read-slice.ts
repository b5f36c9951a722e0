import { FsError } from '../errors/index.js'
import { expectInteger, resolveOffset } from '../file/expect.js'
import type { Core } from './core.js'
import type { Bytes, ReadVerb } from './types.js'

/**
 * [start, end) of a file, as slice() would give it. Costs one request for what is short or whole, and an info before it only
 * where the numbers can not be told to the store as they are (a negative `end`, an empty range).
 */
export async function readSlice (core: Core, path: string, { start = 0, end, ifMatch }: ReadVerb): Promise<Bytes> {
  expectInteger('start', start, Number.MIN_SAFE_INTEGER)
  if (end !== undefined) expectInteger('end', end, Number.MIN_SAFE_INTEGER)
  if (start === 0 && end === undefined) return core.readAll(path, { ifMatch })
  const simple = start >= 0 ? end === undefined || end > start : end === undefined
  if (simple) return (await core.readRange(path, start, end, { ifMatch })).data
  const { size, etag, type } = await core.info(path)
  if (type === 'directory') throw new FsError('EISDIR', 'it is a directory', { path })
  if (size === undefined) return (await core.readAll(path, { ifMatch })).slice(start, end)
  const from = resolveOffset('start', start, size)
  const to = end === undefined ? size : resolveOffset('end', end, size)
  return from >= to ? new Uint8Array(0) : (await core.readRange(path, from, to, { ifMatch: ifMatch ?? etag })).data
}
