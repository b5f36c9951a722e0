/** Order of stores: by UTF-8 bytes. JavaScript's own order (UTF-16 units) differs where surrogates meet U+E000 to U+FFFF. */
export function compareUtf8 (a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x === y) continue
    const xHigh = x >= 0xd800 && x <= 0xdfff
    const yHigh = y >= 0xd800 && y <= 0xdfff
    if (xHigh !== yHigh && (xHigh ? y : x) > 0xdfff) return xHigh ? 1 : -1
    return x - y
  }
  return a.length - b.length
}

export interface ListQuery {
  readonly prefix?: string | undefined
  readonly delimiter?: string | undefined
  /** Only what comes after this key or common prefix. */
  readonly after?: string | undefined
  /** Only keys that are this one or come after it, and only those before `until`. */
  readonly from?: string | undefined
  readonly until?: string | undefined
  /** Keys and common prefixes together. */
  readonly limit: number
}

export interface ListPage {
  /** Keys and common prefixes in order. */
  readonly keys: readonly string[]
  readonly prefixes: readonly string[]
  /** The last key or prefix of the page, to go on after; undefined when the listing is complete. */
  readonly next: string | undefined
}

/** The keys of a bucket in order, with pages of any size at the cost of the page. Additions are merged at the next listing. */
export class SortedKeys {
  readonly #members = new Set<string>()
  #sorted: string[] = []
  #added: string[] = []
  #removed = false

  get size (): number { return this.#members.size }

  add (key: string): void {
    if (this.#members.has(key)) return
    this.#members.add(key)
    this.#added.push(key)
  }

  delete (key: string): void {
    if (this.#members.delete(key)) this.#removed = true
  }

  /** All keys that start with `prefix`, in order. */
  all (prefix = ''): string[] {
    const keys = this.#settle()
    const start = lowerBound(keys, key => compareUtf8(key, prefix) >= 0)
    return keys.slice(start, endOfPrefix(keys, start, prefix))
  }

  page (query: ListQuery): ListPage {
    const { prefix = '', delimiter = '', after = '', from = '', until, limit } = query
    const keys = this.#settle()
    const first = [prefix, after, from].reduce((a, b) => compareUtf8(a, b) < 0 ? b : a)
    let at = lowerBound(keys, key => compareUtf8(key, first) >= 0)
    const found: string[] = []
    const prefixes: string[] = []
    let last: string | undefined
    while (at < keys.length && keys[at]!.startsWith(prefix)) {
      const key = keys[at]!
      if (until !== undefined && compareUtf8(key, until) >= 0) break
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      const item = cut < 0 ? key : key.slice(0, cut + delimiter.length)
      const next = cut < 0 ? at + 1 : endOfPrefix(keys, at, item)
      if (query.after === undefined || compareUtf8(item, after) > 0) {
        if (found.length + prefixes.length >= limit) return { keys: found, prefixes, next: last ?? after }
        if (cut < 0) found.push(key)
        else prefixes.push(item)
        last = item
      }
      at = next
    }
    return { keys: found, prefixes, next: undefined }
  }

  #settle (): string[] {
    if (this.#added.length > 0) {
      const added = [...new Set(this.#added)].sort(compareUtf8)
      this.#sorted = merge(this.#sorted, added)
      this.#added = []
    }
    if (this.#removed) {
      this.#sorted = this.#sorted.filter(key => this.#members.has(key))
      this.#removed = false
    }
    return this.#sorted
  }
}

function merge (a: readonly string[], b: readonly string[]): string[] {
  if (a.length === 0) return [...b]
  const out: string[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const order = compareUtf8(a[i]!, b[j]!)
    if (order === 0) j++ // deleted and added again between two listings
    else out.push(order < 0 ? a[i++]! : b[j++]!)
  }
  while (i < a.length) out.push(a[i++]!)
  while (j < b.length) out.push(b[j++]!)
  return out
}

function lowerBound (keys: readonly string[], reached: (key: string) => boolean, low = 0, high = keys.length): number {
  while (low < high) {
    const middle = (low + high) >>> 1
    if (reached(keys[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

/** Index after the last key with that prefix, given the index of the first. */
function endOfPrefix (keys: readonly string[], start: number, prefix: string): number {
  return lowerBound(keys, key => !key.startsWith(prefix), start)
}
