import { FsError } from '../../lib/errors/index.js'
import type { ReplyHead } from '../../lib/net/index.js'
import { addressOf, normalizeUrl, shownPath } from './address.js'
import type { Address } from './address.js'

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const mostRedirects = 10

export function isRedirect ({ status }: ReplyHead): boolean { return redirects.has(status) }

function refuse (path: string, what: string, code: 'FORKFS_PROTOCOL' | 'FORKFS_NOT_ALLOWED' = 'FORKFS_PROTOCOL'): never {
  throw new FsError(code, what, { path: shownPath(path), protocol: 'http' })
}

/**
 * One request on its way through redirects. Only GET and HEAD are sent here, which every redirect keeps (303 too: RFC 9110,
 * 15.4.4). What is secret stays with the origin it was meant for, and does not come back when a later redirect does.
 */
export class Trail {
  readonly #path: string
  readonly #seen: Set<string>
  url: string
  address: Address
  /** Whether all headers may be sent to the present address. */
  trusted: boolean

  constructor (path: string, trusted: boolean) {
    this.#path = path
    this.url = path
    this.address = addressOf(path)
    this.trusted = trusted
    this.#seen = new Set([path])
  }

  /** Go on to where a redirect leads. @throws FsError FORKFS_PROTOCOL (no Location, a loop, more than 10) · FORKFS_NOT_ALLOWED (https to http, another protocol) */
  follow ({ status, headers }: ReplyHead): void {
    const location = headers['location']
    if (location === undefined || location === '') refuse(this.#path, `the server redirects (status ${status}) without saying where`)
    const next = this.#resolve(location)
    if (this.#seen.has(next)) refuse(this.#path, 'the redirects lead in a circle')
    if (this.#seen.size > mostRedirects) refuse(this.#path, `more than ${mostRedirects} redirects`)
    const address = addressOf(next)
    if (this.address.origin.startsWith('https:') && !address.origin.startsWith('https:')) refuse(this.#path, 'a redirect from https to http is not followed', 'FORKFS_NOT_ALLOWED')
    if (address.origin !== this.address.origin) this.trusted = false
    this.#seen.add(next)
    this.url = next
    this.address = address
  }

  /** A relative Location is resolved as RFC 3986 says, an absolute one is taken as it is written. */
  #resolve (location: string): string {
    const other = /^([a-z][a-z0-9+.-]*):/i.exec(location)?.[1]?.toLowerCase()
    if (other !== undefined && other !== 'http' && other !== 'https') refuse(this.#path, `a redirect to '${other}' is not followed`, 'FORKFS_NOT_ALLOWED')
    const bytes = Buffer.from(location, 'latin1').toString('utf8') // header values come as Latin-1, servers write UTF-8
    const text = bytes.includes('\ufffd') ? location : bytes
    try {
      const { origin } = this.address
      if (/^https?:\/\//i.test(text)) return normalizeUrl(text, undefined)
      if (/^\/(?!\/)/.test(text) && !/\/\.{1,2}(?:[/?#]|$)/.test(text)) return normalizeUrl(origin + text, undefined)
      return normalizeUrl(new URL(text, origin + this.address.target).href, undefined)
    } catch {
      refuse(this.#path, 'a redirect leads to what is no usable URL')
    }
  }
}
