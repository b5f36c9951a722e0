import { FsError } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import { openReader } from '../file/reader.js'
import type { RangeSource } from '../file/source.js'
import { allocate } from '../net/memory.js'
import type { Bytes } from '../filesystem/types.js'
import { allowListeners } from '../owner/index.js'
import { parseUrl } from '../registry/url.js'
import { StreamCounter } from './counting.js'
import { ownerCheck } from './owner-check.js'
import { readStream } from './read-stream.js'
import { RedisLink } from './redis-client.js'
import type { RedisOptions, RedisPlace } from './redis-client.js'
import type { ObjectStream, StreamOptions, StreamRange } from './types.js'

export type { RedisOptions } from './redis-client.js'

/** A piece of the object: the value of the key `prefix:name:offset`. */
interface Piece { readonly key: string, readonly start: number, readonly end: number }

const keysAtOnce = '1000'

function placeOf (uri: string | URL): { readonly place: RedisPlace, readonly prefix: string, readonly path: string } {
  const { protocol, path } = parseUrl(uri)
  const match = /^(\[[0-9a-fA-F:.]+\]|[^/:@]+)(?::(\d{1,5}))?\/(.+)$/.exec(path)
  if (match === null || Number(match[2] ?? 1) > 65_535) throw new TypeError(`Expected a ${protocol} URL to read ${protocol}://host:port/prefix`)
  const [, host, port = '6379', prefix] = match
  return { place: { host: host!.replace(/^\[|\]$/g, ''), port: Number(port), tls: protocol === 'rediss' }, prefix: prefix!, path }
}

function checkOptions ({ username, password, database, ca, timeoutMs }: RedisOptions): void {
  for (const [name, value] of Object.entries({ username, password, ca })) {
    if (value !== undefined && typeof value !== 'string') throw new TypeError(`Expected \`redis.${name}\` to be a string, got (${typeof value})`)
  }
  if (database !== undefined) expectInteger('redis.database', database, 0)
  if (timeoutMs !== undefined) expectInteger('redis.timeoutMs', timeoutMs, 1)
}

/**
 * An object that tensorizer keeps in redis: the values of all keys `prefix:name:offset`, each where its offset says. Keys are listed and measured at open; the
 * values are taken to stay as they are, one that got shorter or is gone rejects. What lies between keys can not be read.
 * @throws TypeError for the URL; FsError ENOENT (no such keys), FORKFS_MISSING_PEER, FORKFS_NETWORK, FORKFS_CREDENTIALS, ETIMEDOUT
 */
export async function openRedis (uri: string | URL, options: StreamOptions): Promise<ObjectStream> {
  const { place, prefix, path } = placeOf(uri)
  const settings = options.redis ?? {}
  checkOptions(settings)
  const { signal } = options
  if (signal !== undefined) allowListeners(signal)
  const open = async ({ begin, end }: StreamRange): Promise<ObjectStream> => {
    const link = new RedisLink(place, settings)
    try {
      const pieces = await listPieces(link, prefix, path, signal)
      return await readStream(openReader(sourceOf(link, path, pieces)), { begin, end }, open, new StreamCounter(false))
    } catch (error) {
      link.close()
      throw error
    }
  }
  return open({ begin: options.begin ?? 0, end: options.end })
}

async function listPieces (link: RedisLink, prefix: string, path: string, signal: AbortSignal | undefined): Promise<readonly Piece[]> {
  const keys = new Set<string>() // a scan may give a key twice
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}:*`
  let cursor = '0'
  do {
    const [next, found] = await link.command(['SCAN', cursor, 'MATCH', pattern, 'COUNT', keysAtOnce], signal) as [Buffer, Buffer[]]
    for (const key of found) keys.add(key.toString())
    cursor = next.toString()
  } while (cursor !== '0')
  const pieces = await Promise.all([...keys].flatMap(key => {
    const offset = /:(\d{1,15})$/.exec(key)?.[1]
    return offset === undefined ? [] : [measured(link, key, Number(offset), signal)]
  }))
  if (pieces.length === 0) throw new FsError('ENOENT', 'there are no keys prefix:name:offset', { operation: 'openStream', path, protocol: 'redis' })
  pieces.sort((a, b) => a.start - b.start || a.end - b.end)
  for (const [index, { start }] of pieces.entries()) {
    if (index > 0 && start < pieces[index - 1]!.end) throw new FsError('FORKFS_PROTOCOL', `two keys hold the bytes at ${start}`, { operation: 'openStream', path, protocol: 'redis' })
  }
  return pieces
}

async function measured (link: RedisLink, key: string, start: number, signal: AbortSignal | undefined): Promise<Piece> {
  return { key, start, end: start + Number(await link.command(['STRLEN', key], signal)) }
}

function sourceOf (link: RedisLink, path: string, pieces: readonly Piece[]): RangeSource {
  const size = pieces.at(-1)!.end
  return {
    path,
    info: { name: path, size, type: 'file' },
    check: ownerCheck(path),
    release: () => { link.close() },
    async read (start, end, { signal, into }) {
      const target = into?.subarray(0, end - start) ?? allocate(end - start)
      let at = start
      const parts = pieces.filter(piece => piece.start < end && piece.end > start)
      const reads: Array<Promise<void>> = []
      for (const piece of parts) {
        if (piece.start > at) break
        const stop = Math.min(end, piece.end)
        reads.push(readPiece(link, piece, at, stop, target.subarray(at - start, stop - start), { path, signal }))
        at = stop
      }
      const failed = (await Promise.allSettled(reads)).find(result => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      if (at < end) throw new FsError('FORKFS_INCOMPLETE', `no key holds the bytes at ${at}`, { operation: 'read', path, protocol: 'redis' })
      return target as Bytes
    }
  }
}

interface Reading { readonly path: string, readonly signal: AbortSignal | undefined }

async function readPiece (link: RedisLink, { key, start }: Piece, from: number, to: number, into: Uint8Array, { path, signal }: Reading): Promise<void> {
  const data = await link.command(['GETRANGE', key, String(from - start), String(to - start - 1)], signal) as Buffer // both ends inclusive
  if (data.length !== to - from) throw new FsError('FORKFS_TRUNCATED', `${data.length} bytes came where ${to - from} belong: the value of a key changed`, { operation: 'read', path, protocol: 'redis' })
  into.set(data)
}
