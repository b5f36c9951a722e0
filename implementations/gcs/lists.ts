/** Pages of objects.list and buckets.list. */
import { FsError } from '../../lib/errors/fs-error.js'
import { entriesOf } from '../../lib/filesystem/object-engine.js'
import type { BucketPage, Listing } from '../../lib/filesystem/object-engine.js'
import { directoryInfo } from '../../lib/filesystem/paths.js'
import type { FileInfo } from '../../lib/filesystem/types.js'
import type { NetReply } from '../../lib/net/index.js'
import { entryOf, parseJson, timeOf } from './replies.js'
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

export function parseBuckets (reply: NetReply): BucketPage {
  const { items = [], nextPageToken } = parseJson<RawPage>(reply)
  const buckets = items.map(({ name = '', timeCreated }): FileInfo => timeCreated === undefined ? directoryInfo(name) : { ...directoryInfo(name), created: timeOf(timeCreated) })
  return { buckets, nextToken: nextPageToken === '' ? undefined : nextPageToken }
}

/** Turns the pages of one listing into entries. Stores may repeat prefixes on later pages: those are dropped, without remembering all. */
export class PageReader {
  readonly #listing: Listing<ObjectResource>
  #last: Uint8Array | undefined

  /** `base`: the listed directory with its slash. With `markers` objects that only mark a directory are objects like others. */
  constructor (bucket: string, base: string, markers: boolean) {
    this.#listing = { bucket, base, markers, keyOf: ({ name }) => name!, infoOf: object => entryOf(`${bucket}/${object.name!}`, object) }
  }

  entries ({ items, prefixes }: ListPage): FileInfo[] {
    const fresh: string[] = []
    for (const prefix of prefixes) {
      const bytes = Buffer.from(prefix)
      if (this.#last !== undefined && Buffer.compare(bytes, this.#last) <= 0) continue
      this.#last = bytes
      fresh.push(prefix)
    }
    return entriesOf(items, fresh, this.#listing)
  }
}
