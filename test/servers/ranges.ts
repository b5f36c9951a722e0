/** Half-open, in bytes. */
export interface Range { readonly start: number, readonly end: number }

/** One byte range of a Range header. What is no single range is undefined: RFC 9110 has servers ignore it. */
export function parseRange (text: string | undefined, size: number): Range | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(text?.trim() ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size)
  return start >= size || start >= end ? 'unsatisfiable' : { start, end }
}

/** Whether a list of ETags (quotes optional, weak marks ignored) names this one; `*` names all. */
export function namesEtag (list: string, etag: string): boolean {
  return list.split(',').some(one => {
    const trimmed = one.trim().replace(/^W\//, '')
    return trimmed === '*' || unquoted(trimmed) === unquoted(etag.replace(/^W\//, ''))
  })
}

function unquoted (etag: string): string { return etag.replace(/^"|"$/g, '') }

/** An HTTP date in milliseconds since 1970; undefined for what is none. */
export function parseDate (text: string | undefined): number | undefined {
  const ms = text === undefined ? NaN : Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
