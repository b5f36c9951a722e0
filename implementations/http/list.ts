import { FsError, isFsError } from '../../lib/errors/index.js'
import type { ListOptions } from '../../lib/filesystem/core.js'
import type { FileInfo, Verb } from '../../lib/filesystem/types.js'
import { addressOf, shownPath, withoutQuery } from './address.js'
import type { Again } from './again.js'
import type { HttpClient } from './client.js'
import { decode, encodingsOf } from './decode.js'
import { isHtml } from './info.js'
import { linksBelow } from './links.js'

/** Directories below each other: a server's own circles (links to parents) end here where their URLs grow for ever. */
const maxDepth = 64
/** A page is read into memory to find its links. */
const maxPageBytes = 32 * 1024 * 1024

interface Page {
  /** Where the redirects ended: the same page is not read twice in one listing. */
  readonly url: string
  readonly links: ReadonlySet<string>
}

interface Directory { readonly path: string, readonly depth: number }

const entryOf = (name: string): FileInfo => name.endsWith('/') ? { name: name.slice(0, -1), size: undefined, type: 'directory' } : { name, size: undefined, type: 'file' }

/**
 * The links of a directory's HTML page, as fsspec reads them. `path` has no closing slash, its page is asked for with one.
 * What answers with no HTML has no entries, and a path with a query is no directory. Sizes are not known from a page.
 * Recursive: page by page, each once, at most 64 levels deep; pages that have vanished are passed over.
 */
export async function * listPages (client: HttpClient, again: Again, path: string, { recursive, prefix = '', signal }: Verb & ListOptions & { readonly signal: AbortSignal }): AsyncGenerator<FileInfo[], void, undefined> {
  if (path.includes('?')) return
  const visited = new Set<string>()
  const deep = new Set<string>()
  const waiting: Directory[] = [{ path, depth: 1 }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const page = await readPage(client, again, next, next.path !== path, signal)
    if (page === undefined || visited.has(page.url)) continue
    visited.add(page.url)
    const names = recursive ? page.links : firstLevel(page.links)
    const entries: FileInfo[] = []
    const below: Directory[] = []
    for (const link of names) {
      const entry = entryOf(`${next.path}/${link}`)
      const rest = entry.name.slice(path.length + 1)
      if (entry.type === 'directory' && recursive && next.depth < maxDepth && (prefix.startsWith(`${rest}/`) || rest.startsWith(prefix))) below.push({ path: entry.name, depth: next.depth + 1 })
      if (!rest.startsWith(prefix) || deep.has(entry.name)) continue
      if (link.slice(0, -1).includes('/')) deep.add(entry.name) // its own directory's page will name it too
      entries.push(entry)
    }
    waiting.push(...below.reverse())
    if (entries.length > 0) yield entries
  }
}

/** A page may link to what lies deeper: of that, one level is told. */
function firstLevel (links: ReadonlySet<string>): Set<string> {
  const level = new Set<string>()
  for (const link of links) {
    const slash = link.indexOf('/')
    level.add(slash === -1 ? link : link.slice(0, slash + 1))
  }
  return level
}

async function readPage (client: HttpClient, again: Again, { path }: Directory, mayBeGone: boolean, signal: AbortSignal): Promise<Page | undefined> {
  try {
    return await again.run(signal, () => fetchPage(client, path, signal))
  } catch (error) {
    if (mayBeGone && isFsError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function fetchPage (client: HttpClient, path: string, signal: AbortSignal): Promise<Page | undefined> {
  const asked = `${path}/`
  const body = await client.open({ operation: 'list', method: 'GET', path: asked, headers: [] }, signal)
  try {
    if (!isHtml(body)) return undefined
    const data = await body.using(signal, () => body.collect(maxPageBytes + 1))
    if (data.length > maxPageBytes) throw new FsError('FORKFS_PROTOCOL', `its page is longer than ${maxPageBytes} bytes`, { path: shownPath(path), protocol: 'http' })
    const text = textOf(await decode(data, encodingsOf(body), path), body.headers['content-type'])
    return { url: body.url, links: linksBelow(text, directoryOf(body.url, asked)) }
  } finally {
    body.close()
  }
}

/** The directory that a page speaks for: its own URL, or that of an index file beside it; a page from elsewhere has nothing below it. */
function directoryOf (url: string, asked: string): string {
  const clean = absolute(withoutQuery(url))
  if (clean.endsWith('/')) return clean
  const folder = clean.slice(0, clean.lastIndexOf('/') + 1)
  return folder === absolute(asked) ? folder : `${clean}/`
}

function absolute (url: string): string {
  const { origin, target } = addressOf(url)
  return origin + target
}

function textOf (data: Uint8Array, contentType: string | undefined): string {
  const label = /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1] ?? 'utf-8'
  try { return new TextDecoder(label).decode(data) } catch { return new TextDecoder().decode(data) }
}
