/**
 * Pages of ListObjectsV2 and ListObjects in one pass. The shape of an entry (its tags, in their order) is learned from the page
 * itself; entries of a learned shape are compared byte by byte and only cut (ETag, date and storage class are decoded on
 * access), all others go through the general reader. So the order of elements does not matter, and nothing is guessed.
 */
import type { FileInfo } from '../../lib/filesystem/types.js'
import { isoTime } from '../../lib/net/iso-time.js'
import { decodeUrl, malformed, resolve, XmlReader } from './xml.js'

/** What one request of a listing answered. */
export interface ListPage {
  readonly entries: readonly ListEntry[]
  /** Common prefixes, decoded, with their delimiter. */
  readonly prefixes: readonly string[]
  readonly truncated: boolean
  /** ListObjectsV2: what the next request sends as `continuation-token`. */
  readonly nextToken?: string | undefined
  /** ListObjects: what the next request sends as `marker`; without a delimiter the last name of the page. */
  readonly nextMarker?: string | undefined
}

/**
 * One object of a page. Its strings are slices of the page's text and keep it (about 300 KB per 1,000 keys) alive: keep what
 * {@link toInfo} gives, not the entry. Everything but key and size is decoded when it is asked for.
 */
export class ListEntry {
  key = ''
  /** Bytes; undefined where the store did not say. */
  size: number | undefined = undefined
  rawEtag = ''
  rawModified = ''
  rawClass = ''

  /** With its quotes; undefined where the store did not say. */
  get etag (): string | undefined {
    const raw = this.rawEtag
    if (raw === '') return undefined
    if (raw.startsWith('&quot;') && raw.endsWith('&quot;') && raw.length >= 12) return quoted(raw.slice(6, -6))
    const text = resolve(raw)
    return text.startsWith('"') || text.startsWith('W/') ? text : quoted(text)
  }

  get modified (): Date | undefined { return this.rawModified === '' ? undefined : parseTime(this.rawModified) }

  /** `STANDARD`, `GLACIER`, …; undefined where the store did not say. */
  get storageClass (): string | undefined {
    const raw = this.rawClass
    if (raw === '') return undefined
    if (raw === lastClass) return lastClass
    const text = own(resolve(raw))
    if (text === raw) lastClass = text
    return text
  }

  /** A plain object that shares no memory with the page. */
  toInfo (bucket: string): FileInfo {
    const { modified, etag, storageClass } = this
    const name = own(`${bucket}/${this.key}`)
    // One shape for what stores mostly tell: made at once it takes half the memory of an object that grows.
    if (modified !== undefined && etag !== undefined && storageClass !== undefined) return { name, size: this.size, type: 'file', modified, etag: own(etag), storageClass }
    const info: { name: string, size: number | undefined, type: 'file', modified?: Date, etag?: string, storageClass?: string } = { name, size: this.size, type: 'file' }
    if (modified !== undefined) info.modified = modified
    if (etag !== undefined) info.etag = own(etag)
    if (storageClass !== undefined) info.storageClass = storageClass
    return info
  }
}

/**
 * @throws FsError FORKFS_PROTOCOL for a reply that is cut off or not a listing, ErrorReply for an `<Error>` in its place
 */
export function parseList (bytes: Uint8Array): ListPage {
  const reader = new XmlReader(bytes)
  reader.expect('ListBucketResult')
  const scanner = new EntryScanner(reader.source, bytes)
  const { entries } = scanner
  const prefixes: string[] = []
  const fields = Object.create(null) as Record<string, string>
  for (;;) {
    reader.at = scanner.take(reader.at)
    const name = reader.child()
    if (name === undefined) break
    switch (name) {
      case 'Contents': entries.push(readEntry(reader)); break
      case 'CommonPrefixes': readPrefixes(reader, prefixes); break
      case 'IsTruncated': case 'NextContinuationToken': case 'NextMarker': case 'EncodingType': fields[name] = own(reader.text()); break
      default: reader.skip()
    }
  }
  reader.end()
  const encoded = fields['EncodingType'] === 'url'
  if (encoded) decodeNames(entries, prefixes)
  for (const entry of entries) if (entry.key === '') throw malformed('an entry has no key')
  const truncated = fields['IsTruncated'] === 'true'
  if (!truncated) return { entries, prefixes, truncated }
  const marker = fields['NextMarker']
  const nextMarker = marker === undefined ? lastName(entries, prefixes) : encoded ? decodeUrl(marker) : marker
  return { entries, prefixes, truncated, nextToken: fields['NextContinuationToken'], nextMarker }
}

function decodeNames (entries: readonly ListEntry[], prefixes: string[]): void {
  for (const entry of entries) entry.key = decodeUrl(entry.key)
  for (let i = 0; i < prefixes.length; i++) prefixes[i] = decodeUrl(prefixes[i]!)
}

function lastName (entries: readonly ListEntry[], prefixes: readonly string[]): string | undefined {
  const key = entries.at(-1)?.key
  const prefix = prefixes.at(-1)
  if (key === undefined || prefix === undefined) return key ?? prefix
  return Buffer.compare(Buffer.from(key), Buffer.from(prefix)) > 0 ? key : prefix // stores sort by bytes
}

/** The tags of one entry up to the next text, and what the text behind them is; the last one ends the entry. */
interface Step { readonly tags: Uint8Array, readonly field: Field }
type Field = 'Key' | 'Size' | 'ETag' | 'LastModified' | 'StorageClass' | 'other' | 'end'
type Shape = readonly Step[]

/** Entries with and without checksums, owners, restore states may alternate; more shapes than this are not worth a search. */
const MAX_SHAPES = 4

class EntryScanner {
  readonly entries: ListEntry[] = []
  readonly #source: string
  /** The page by the index of its text: its bytes where all are ASCII (with encoding-type=url they are). */
  readonly #codes: Uint8Array | Uint16Array
  readonly #shapes: Shape[] = []

  constructor (source: string, bytes: Uint8Array) {
    this.#source = source
    this.#codes = source.length === bytes.length ? bytes : wide(source)
  }

  /** Read entries from `at` as long as they are plain. Answers where the first other thing begins. */
  take (from: number): number {
    let at = from
    for (;;) {
      const behind = this.#entry(at)
      if (behind < 0) return at
      at = behind
    }
  }

  #entry (at: number): number {
    const shapes = this.#shapes
    for (let i = 0; i < shapes.length; i++) {
      const behind = this.#match(shapes[i]!, at)
      if (behind < 0) continue
      if (i > 0) shapes.unshift(...shapes.splice(i, 1)) // neighbours are alike
      return behind
    }
    if (shapes.length === MAX_SHAPES) return -1
    const shape = learn(this.#source, at)
    if (shape === undefined) return -1
    shapes.unshift(shape)
    return this.#match(shape, at)
  }

  #match (shape: Shape, from: number): number {
    const codes = this.#codes
    const length = codes.length
    const entry = new ListEntry()
    let at = from
    for (const { tags, field } of shape) {
      const size = tags.length
      if (at + size > length) return -1
      for (let i = 0; i < size; i++) if (codes[at + i] !== tags[i]) return -1
      const text = at + size
      if (field === 'end') {
        this.entries.push(entry)
        return text
      }
      at = text
      while (at < length && codes[at] !== 60) at++
      if (field === 'Size') entry.size = digits(this.#source, text, at)
      else if (field !== 'other') set(entry, field, this.#source.slice(text, at))
    }
    return -1
  }
}

function set (entry: ListEntry, field: Field, raw: string): void {
  if (field === 'Key') entry.key = resolve(raw)
  else if (field === 'ETag') entry.rawEtag = raw
  else if (field === 'LastModified') entry.rawModified = raw
  else entry.rawClass = raw
}

function wide (source: string): Uint16Array {
  const units = new Uint16Array(source.length)
  Buffer.from(units.buffer).write(source, 'utf16le')
  return units
}

/**
 * The shape of the well-formed <Contents> at `at`; undefined where it holds more than elements, white space between them and
 * text in the innermost: then the general reader has to look.
 */
function learn (source: string, at: number): Shape | undefined {
  const token = /<(\/?)([A-Za-z]\w*)>([^<]*)/y
  token.lastIndex = at
  const open: string[] = []
  const steps: Step[] = []
  let tags = ''
  for (let leaf = false; ;) {
    const match = token.exec(source)
    if (match === null) return undefined
    const [, slash, name, text] = match as unknown as [string, string, string, string]
    if (slash === '') {
      if (open.length === 0 && name !== 'Contents') return undefined
      open.push(name)
      tags += `<${name}>`
      leaf = source.startsWith(`</${name}>`, token.lastIndex)
      if (leaf) {
        const field = open.length === 2 ? fieldOf(name) : 'other'
        steps.push({ tags: Buffer.from(tags, 'latin1'), field })
        tags = ''
        continue
      }
    } else {
      if (open.pop() !== name) return undefined
      tags += `</${name}>`
      if (open.length === 0) {
        steps.push({ tags: Buffer.from(tags, 'latin1'), field: 'end' })
        return steps
      }
    }
    if (/[^ \t\r\n]/.test(text)) return undefined
    tags += text
  }
}

function fieldOf (name: string): Field {
  return name === 'Key' || name === 'Size' || name === 'ETag' || name === 'LastModified' || name === 'StorageClass' ? name : 'other'
}

function digits (source: string, from: number, to: number): number {
  if (to === from || to - from > 16) throw malformed('a size is no number')
  let value = 0
  for (let i = from; i < to; i++) {
    const digit = source.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) throw malformed('a size is no number')
    value = value * 10 + digit
  }
  if (value > Number.MAX_SAFE_INTEGER) throw malformed('a size is no number')
  return value
}

function readEntry (reader: XmlReader): ListEntry {
  const entry = new ListEntry()
  for (let name = reader.child(); name !== undefined; name = reader.child()) {
    switch (name) {
      case 'Key': entry.key = reader.text(); break
      case 'Size': entry.size = parseSize(reader.text()); break
      case 'ETag': entry.rawEtag = escaped(reader.text()); break
      case 'LastModified': entry.rawModified = reader.text(); break
      case 'StorageClass': entry.rawClass = escaped(reader.text()); break
      default: reader.skip()
    }
  }
  return entry
}

// The raw fields are decoded on access: what the general reader decoded already must survive that.
function escaped (text: string): string { return text.includes('&') ? text.replaceAll('&', '&amp;') : text }

/** Bytes of a decimal field. */
export function parseSize (text: string): number { return digits(text, 0, text.length) }

function readPrefixes (reader: XmlReader, prefixes: string[]): void {
  for (let name = reader.child(); name !== undefined; name = reader.child()) {
    if (name === 'Prefix') prefixes.push(own(reader.text()))
    else reader.skip()
  }
}

/** Neighbours in a listing are mostly of one class: they share one text, which holds no reference and no page. */
let lastClass = 'STANDARD'

function quoted (text: string): string { return `"${text}"` }

/**
 * The same text in memory of its own. V8 joins strings lazily and cuts them as views; cutting a joined string makes it copy
 * the parts first, so that the result is a view of that copy and lets go of the page. 13 characters is where views begin.
 */
function own (text: string): string { return text.length < 13 ? text : ` ${text}`.slice(1) }

/** @throws FsError FORKFS_PROTOCOL for what is no date */
export function parseTime (text: string): Date {
  const date = isoTime(text)
  if (date === undefined) throw malformed('a date is none')
  return date
}
