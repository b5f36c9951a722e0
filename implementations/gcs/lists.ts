/** Pages of objects.list and buckets.list. */
import { FsError } from '../../lib/errors/fs-error.js'
import { directoryInfo } from '../../lib/filesystem/paths.js'
import type { FileInfo } from '../../lib/filesystem/types.js'
import type { NetReply } from '../../lib/net/index.js'
import { infoOf, parseJson } from './replies.js'
import type { ObjectResource } from './replies.js'

export interface ListPage {
  readonly items: readonly ObjectResource[]
  /** Common prefixes with their slash, in UTF-8 order. */
  readonly prefixes: readonly string[]
  readonly nextToken: string | undefined
}

interface RawPage { readonly items?: readonly ObjectResource[], readonly prefixes?: readonly string[], readonly nextPageToken?: string }

/** @throws FsError FORKFS_PROTOCOL for what is no page */
export function parseList (reply: NetReply): ListPage {
  const { items = [], prefixes = [], nextPageToken } = parseJson<RawPage>(reply)
  const whole = Array.isArray(items) && Array.isArray(prefixes) && items.every(({ name }) => typeof name === 'string') && prefixes.every(prefix => typeof prefix === 'string')
  if (!whole) throw new FsError('FORKFS_PROTOCOL', 'a page of a listing holds what is no object', { retry: 'may' })
  return { items, prefixes, nextToken: nextPageToken === '' ? undefined : nextPageToken }
}

export interface BucketPage { readonly buckets: readonly FileInfo[], readonly nextToken: string | undefined }

export function parseBuckets (reply: NetReply): BucketPage {
  const { items = [], nextPageToken } = parseJson<RawPage>(reply)
  const buckets = items.map(({ name = '', timeCreated }): FileInfo => timeCreated === undefined ? directoryInfo(name) : { ...directoryInfo(name), created: new Date(timeCreated) })
  return { buckets, nextToken: nextPageToken === '' ? undefined : nextPageToken }
}

/** Turns the pages of one listing into entries. Stores may repeat prefixes on later pages: those are dropped, without remembering all. */
export class PageReader {
  readonly #bucket: string
  readonly #base: string
  readonly #markers: boolean
  #last: Uint8Array | undefined

  /** `base`: the listed directory with its slash. With `markers` objects that only mark a directory are objects like others. */
  constructor (bucket: string, base: string, markers: boolean) {
    this.#bucket = bucket
    this.#base = base
    this.#markers = markers
  }

  entries ({ items, prefixes }: ListPage): FileInfo[] {
    const found: FileInfo[] = []
    for (const item of items) {
      const name = item.name!
      const isMarker = name.endsWith('/') && !this.#markers
      if (isMarker && name === this.#base) continue // the marker of the directory itself
      found.push(isMarker ? directoryInfo(`${this.#bucket}/${name.replace(/\/+$/, '')}`) : infoOf(`${this.#bucket}/${name}`, item))
    }
    for (const prefix of prefixes) {
      const bytes = Buffer.from(prefix)
      if (this.#last !== undefined && Buffer.compare(bytes, this.#last) <= 0) continue
      this.#last = bytes
      found.push(directoryInfo(`${this.#bucket}/${prefix.slice(0, -1)}`))
    }
    return found
  }
}
