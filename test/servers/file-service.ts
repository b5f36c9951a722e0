import { createHash } from 'node:crypto'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { STATUS_CODES } from 'node:http'
import { gzipSync } from 'node:zlib'
import { Bytes } from './bytes.js'
import { SortedKeys } from './listing.js'
import { encodePath, listingPage } from './listing-page.js'
import { namesEtag, parseDate, parseRange } from './ranges.js'
import type { Exchange, Headers, Reply } from './exchange.js'
import type { FaultSubject } from './faults.js'
import type { FileServerOptions, FileServerSwitches } from './files.js'
import type { Service } from './http.js'
import type { ListingEntry } from './listing-page.js'

interface File {
  readonly body: Bytes
  readonly etag: string
  /** Milliseconds since 1970, whole seconds. */
  readonly modified: number
  readonly headers: Readonly<Record<string, string>>
}

/** A refusal: a status and what goes with it. */
class Refusal {
  readonly status: number
  readonly headers: Headers

  constructor (status: number, headers: Headers = {}) {
    this.status = status
    this.headers = headers
  }
}

/** Files over HTTP, with every courtesy a switch. */
export class FileService implements Service {
  origin = ''
  readonly #files = new Map<string, File>()
  readonly #keys = new SortedKeys()
  readonly #root: string | undefined
  #switches: FileServerSwitches

  constructor (options: FileServerOptions) {
    const { files = {}, root, host: _host, port: _port, latencyMs: _latency, keepAliveMs: _idle, ...switches } = options
    this.#switches = switches
    this.#root = root === undefined ? undefined : resolve(root)
    for (const [path, data] of Object.entries(files)) this.put(path, data)
  }

  put (path: string, data: Uint8Array | string, headers: Readonly<Record<string, string>> = {}, modified: number = Date.now()): void {
    this.#files.set(path, toFile(Bytes.of(data), modified, headers))
    this.#keys.add(path)
  }

  delete (path: string): void {
    this.#files.delete(path)
    this.#keys.delete(path)
  }

  set (switches: FileServerSwitches): void { this.#switches = { ...this.#switches, ...switches } }

  describe (exchange: Exchange): FaultSubject {
    return { method: exchange.method, operation: exchange.method, key: pathOf(exchange.target) }
  }

  contentName ({ method, key }: FaultSubject): string | undefined { return method === 'GET' ? key : undefined }

  async handle (exchange: Exchange): Promise<Reply> {
    const { method } = exchange
    const path = pathOf(exchange.target)
    this.#authorize(exchange)
    if (path === undefined) throw new Refusal(400)
    const redirect = this.#switches.redirects?.[path]
    if (redirect !== undefined) throw new Refusal(redirect.status ?? 302, { Location: redirect.to })
    const head = this.#switches.head ?? 'ok'
    if (method !== 'GET' && (method !== 'HEAD' || head === 'refused')) throw new Refusal(405, { Allow: 'GET' })
    const file = await this.#find(path)
    const reply = file === undefined ? await this.#listing(path) : this.#content(exchange, file)
    await exchange.drain()
    if (method !== 'HEAD' || head === 'ok') return { ...reply, headers: { ...reply.headers, ...this.#switches.headers } }
    if (head === 'noLength') return { ...reply, chunked: true }
    return { ...reply, headers: { ...reply.headers, 'Content-Length': String((reply.body?.size ?? 0) + 7) } }
  }

  refuse (exchange: Exchange, error: unknown): Reply {
    if (error instanceof Refusal) return { ...this.error(exchange, error.status), headers: { 'Content-Type': 'text/html', ...error.headers } }
    process.emitWarning(error instanceof Error ? error : String(error)) // a mistake of this server: its test must see it
    return this.error(exchange, 500)
  }

  error (_exchange: Exchange, status: number, code?: string, message?: string): Reply {
    const text = message ?? code ?? STATUS_CODES[status] ?? 'Error'
    return { status, headers: { 'Content-Type': 'text/html' }, body: Bytes.of(`<html><body><h1>${status} ${text}</h1></body></html>\n`) }
  }

  #authorize (exchange: Exchange): void {
    const { auth } = this.#switches
    if (auth === undefined) return
    const basic = 'user' in auth
    const expected = basic ? 'Basic ' + Buffer.from(`${auth.user}:${auth.password}`, 'utf8').toString('base64') : `Bearer ${auth.bearer}`
    if (exchange.header('authorization') !== expected) throw new Refusal(401, { 'WWW-Authenticate': basic ? 'Basic realm="test"' : 'Bearer' })
  }

  async #find (path: string): Promise<File | undefined> {
    const file = this.#files.get(path)
    if (file !== undefined || this.#root === undefined) return file
    const full = this.#inside(path)
    const stats = full === undefined ? undefined : await stat(full).catch(() => undefined)
    return full === undefined || stats?.isFile() !== true ? undefined : toFile(Bytes.of(await readFile(full)), stats.mtimeMs, {})
  }

  /** Where the path lies in the folder; undefined outside. */
  #inside (path: string): string | undefined {
    const full = join(this.#root!, path)
    return !path.includes('\0') && (full === this.#root || full.startsWith(this.#root! + sep)) ? full : undefined
  }

  #content (exchange: Exchange, file: File): Reply {
    const { ranges = true, etag = true, lastModified = true, contentLength = true, gzip = false } = this.#switches
    const headers: Headers = { 'Content-Type': 'application/octet-stream', ...file.headers }
    if (ranges) headers['Accept-Ranges'] = 'bytes'
    const tag = etag === 'weak' ? `W/${file.etag}` : file.etag
    if (etag !== false) headers['ETag'] = tag
    if (lastModified) headers['Last-Modified'] = new Date(file.modified).toUTCString()
    const decided = condition(exchange, file, tag)
    if (decided !== undefined) return { status: decided, headers }
    const chunked = !contentLength
    if (gzip === 'always' || (gzip && /\bgzip\b/.test(exchange.header('accept-encoding') ?? ''))) {
      return { status: 200, headers: { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' }, body: Bytes.of(gzipSync(file.body.toUint8Array())), chunked }
    }
    const range = ranges && rangeStillHolds(exchange, file, tag) ? parseRange(exchange.range, file.body.size) : undefined
    if (range === 'unsatisfiable') throw new Refusal(416, { 'Content-Range': `bytes */${file.body.size}` })
    if (range === undefined) return { status: 200, headers, body: file.body, chunked }
    headers['Content-Range'] = `bytes ${range.start}-${range.end - 1}/${file.body.size}`
    return { status: 206, headers, body: file.body.slice(range.start, range.end), chunked }
  }

  async #listing (path: string): Promise<Reply> {
    const { listing = 'apache', contentLength = true } = this.#switches
    const folder = path === '' || path.endsWith('/') ? path : path + '/'
    const entries = await this.#entries(folder)
    if (listing === false || (entries.length === 0 && path !== '')) throw new Refusal(404)
    if (folder !== path) throw new Refusal(301, { Location: '/' + encodePath(folder) })
    const html = listingPage('/' + folder, entries, listing, this.origin)
    return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: Bytes.of(html), chunked: !contentLength }
  }

  async #entries (folder: string): Promise<ListingEntry[]> {
    const { keys, prefixes } = this.#keys.page({ prefix: folder, delimiter: '/', limit: Infinity })
    const entries = new Map<string, ListingEntry>()
    for (const entry of await this.#folderEntries(folder)) entries.set(entry.name, entry)
    for (const prefix of prefixes) entries.set(prefix.slice(folder.length), { name: prefix.slice(folder.length), size: 0, modified: Date.now() })
    for (const key of keys) {
      const { body, modified } = this.#files.get(key)!
      if (key !== folder) entries.set(key.slice(folder.length), { name: key.slice(folder.length), size: body.size, modified })
    }
    return [...entries.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  async #folderEntries (folder: string): Promise<ListingEntry[]> {
    const full = this.#root === undefined ? undefined : this.#inside(folder)
    if (full === undefined) return []
    const found = await readdir(full, { withFileTypes: true }).catch(() => [])
    return Promise.all(found.map(async entry => {
      const stats = await stat(join(full, entry.name))
      return { name: entry.isDirectory() ? entry.name + '/' : entry.name, size: stats.size, modified: stats.mtimeMs }
    }))
  }
}

function toFile (body: Bytes, modified: number, headers: Readonly<Record<string, string>>): File {
  const hash = createHash('md5')
  for (const chunk of body.chunks) hash.update(chunk)
  return { body, etag: `"${hash.digest('hex')}"`, modified: Math.floor(modified / 1000) * 1000, headers }
}

/** The decoded path of a raw target, nothing normalised; undefined for what cannot be decoded. */
function pathOf (target: string): string | undefined {
  try {
    return decodeURIComponent(target.split('?')[0]!.slice(1))
  } catch {
    return undefined
  }
}

/** 304 or 412 where the conditions of the request say so. If-Match compares strongly: a weak ETag fits nothing but `*`. */
function condition (exchange: Exchange, { modified }: File, tag: string): 304 | 412 | undefined {
  const match = exchange.header('if-match')
  const unmodifiedSince = parseDate(exchange.header('if-unmodified-since'))
  const matches = match?.trim() === '*' || (match !== undefined && !tag.startsWith('W/') && namesEtag(match, tag))
  if (match !== undefined ? !matches : unmodifiedSince !== undefined && modified > unmodifiedSince) return 412
  const noneMatch = exchange.header('if-none-match')
  const modifiedSince = parseDate(exchange.header('if-modified-since'))
  return (noneMatch !== undefined ? namesEtag(noneMatch, tag) : modifiedSince !== undefined && modified <= modifiedSince) ? 304 : undefined
}

/** If-Range: the range counts only while the file is the one that the client has seen; a weak ETag never proves that. */
function rangeStillHolds (exchange: Exchange, { modified }: File, tag: string): boolean {
  const text = exchange.header('if-range')
  if (text === undefined) return true
  if (text.startsWith('W/')) return false
  return text.startsWith('"') ? text === tag : parseDate(text) === modified
}
