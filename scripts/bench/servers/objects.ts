/** Objects and listing pages in memory, cut as a request asks. */
import { checkpointPage, listPages, pattern, shard, smallBody } from '../data.js'
import { bigKey, bucket, checkpointFileKey, checkpointFiles, checkpointKey, patternBytes, shardKey, smallKey } from '../sizes.js'
import type { Sizes } from '../types.js'

export interface Stored { readonly length: number, slices (start: number, end: number): Iterable<Buffer> }

function plain (body: Buffer): Stored {
  return { length: body.length, slices: (start, end) => [body.subarray(start, end)] }
}

function repeated (bytes: Buffer, length: number): Stored {
  return {
    length,
    *slices (start, end) {
      for (let at = start; at < end;) {
        const from = at % patternBytes
        const part = bytes.subarray(from, Math.min(patternBytes, from + end - at))
        yield part
        at += part.length
      }
    }
  }
}

export class Objects {
  readonly #bytes = pattern()
  readonly #sizes: Sizes
  readonly #known = new Map<string, Stored>()
  readonly #pages: ReadonlyMap<string, string>

  constructor (sizes: Sizes) {
    this.#sizes = sizes
    this.#known.set(`/${bucket}/${bigKey}`, repeated(this.#bytes, sizes.bigBytes))
    for (let index = 0; index < sizes.smallObjects; index++) this.#known.set(`/${bucket}/${smallKey(index)}`, plain(smallBody(this.#bytes, index)))
    for (let index = 0; index < checkpointFiles; index++) this.#known.set(`/${bucket}/${checkpointFileKey(index)}`, repeated(this.#bytes, sizes.checkpointFileBytes))
    this.#pages = new Map(listPages(sizes.keys))
  }

  /** `path` as it came: some clients encode more than they need to. */
  get (path: string): Stored | undefined {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    return path.includes('%') ? this.get(decodeURIComponent(path)) : this.#shard(path)
  }

  /** Of the whole bucket, or of the checkpoint in it. */
  page (token: string, prefix: string): string | undefined {
    return prefix.startsWith(`${checkpointKey}/`) ? checkpointPage(this.#sizes.checkpointFileBytes) : this.#pages.get(token)
  }

  /** Shards are large: made when one is first asked for. */
  #shard (path: string): Stored | undefined {
    for (let index = 0; index < this.#sizes.shards; index++) {
      if (path !== `/${bucket}/${shardKey(index)}`) continue
      const made = plain(shard(this.#bytes, index, this.#sizes.shardBytes))
      this.#known.set(path, made)
      return made
    }
    return undefined
  }
}
