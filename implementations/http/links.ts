import { encodeTarget } from './address.js'

const anchor = /<a\s[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))/gi
const plain = /https?:\/\/[^\s"'<>()]+/gi
const baseTag = /<base\s[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))/i
const entity = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi
const named: Readonly<Record<string, string>> = Object.freeze({ amp: '&', lt: '<', gt: '>', quot: '"', apos: '\'' })

function unescape (text: string): string {
  return text.replace(entity, (whole: string, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return named[name.toLowerCase()]!
    const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}

/** Every link of a page as it is written there: what anchors point to, and URLs that stand in its text. */
function * written (page: string): Generator<string, void, undefined> {
  for (const [, double, single, bare] of page.matchAll(anchor)) yield unescape(double ?? single ?? bare!)
  for (const [url] of page.matchAll(plain)) yield unescape(url).replace(/[.,;:!]+$/, '')
}

function resolve (link: string, base: string): URL | undefined {
  try { return new URL(link, base) } catch { return undefined }
}

/**
 * Where the links of a page lead below its directory, relative to it, percent-encoded as they were; directories end in '/'.
 * Links with a query or a fragment, to the directory itself, above it or to other origins are left out; so are doubles.
 *
 * @param directory URL of the directory, with its closing slash
 */
export function linksBelow (page: string, directory: string): Set<string> {
  const found = new Set<string>()
  const top = new URL(directory)
  const [, double, single, bare] = baseTag.exec(page) ?? []
  const given = double ?? single ?? bare
  const base = (given === undefined ? undefined : resolve(unescape(given), directory)?.href) ?? directory
  for (const link of written(page)) {
    if (/[?#]/.test(link) || link === '') continue
    const url = resolve(link, base)
    if (url === undefined || url.origin !== top.origin || url.username !== '' || url.password !== '' || !url.pathname.startsWith(top.pathname)) continue
    const rest = url.pathname.slice(top.pathname.length)
    if (rest === '' || rest.startsWith('/')) continue
    found.add(encodeTarget(rest))
  }
  return found
}
