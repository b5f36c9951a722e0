/** How an HTML listing links its entries. `mixed` adds what a reader must not follow: other hosts, parents, queries, fragments, scripts. */
export type ListingStyle = 'apache' | 'relative' | 'absolute' | 'full' | 'mixed'

export interface ListingEntry {
  /** With a trailing slash for a folder. */
  readonly name: string
  readonly size: number
  readonly modified: number
}

/**
 * An index page as web servers make them.
 *
 * @param path Decoded path of the folder, with slashes at both ends
 * @param origin `http://host:port`
 */
export function listingPage (path: string, entries: readonly ListingEntry[], style: ListingStyle, origin: string): string {
  const lines: string[] = []
  if (style === 'apache' || style === 'mixed') {
    lines.push('<a href="?C=N;O=D">Name</a> <a href="?C=M;O=A">Last modified</a> <a href="?C=S;O=A">Size</a>')
    if (path !== '/') lines.push(`<a href="${attribute(encodePath(path.replace(/[^/]+\/$/, '')))}">Parent Directory</a>`)
  }
  if (style === 'mixed') lines.push(...misleading(path))
  for (const entry of entries) {
    const href = hrefOf(entry.name, path, style, origin)
    lines.push(`<a href="${attribute(href)}">${attribute(entry.name)}</a> ${new Date(entry.modified).toISOString().slice(0, 16).replace('T', ' ')} ${entry.name.endsWith('/') ? '-' : entry.size}`)
  }
  const title = `Index of ${attribute(path)}`
  return `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1><pre>\n${lines.join('\n')}\n</pre></body></html>\n`
}

function hrefOf (name: string, path: string, style: ListingStyle, origin: string): string {
  const relative = encodePath(name)
  if (style === 'absolute') return encodePath(path) + relative
  if (style === 'full') return origin + encodePath(path) + relative
  return relative.includes(':') ? './' + relative : relative // a colon would read as a scheme
}

function misleading (path: string): string[] {
  return [
    '<a href="../">..</a>', '<a href="./">.</a>', '<a href="/">/</a>', '<a href="#top">top</a>', '<a href="?download=1">all</a>', '<a>no link</a>',
    '<a href="http://elsewhere.invalid/stolen.txt">elsewhere</a>', '<a href="//elsewhere.invalid/stolen.txt">elsewhere</a>',
    '<a href="mailto:root@elsewhere.invalid">mail</a>', '<a href="javascript:void(0)">script</a>',
    `<a href="${attribute(encodePath(path))}../../outside.txt">outside</a>`, '<a href="%2e%2e/outside.txt">outside</a>'
  ]
}

/** Percent-encoding of a path that keeps its slashes. */
export function encodePath (path: string): string { return path.split('/').map(encodeURIComponent).join('/') }

function attribute (text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
