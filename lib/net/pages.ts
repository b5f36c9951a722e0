import { FsError } from '../errors/index.js'
import { allowListeners } from '../owner/index.js'

/** One page of a listing: `nextToken` asks for what is behind it; undefined: nothing is. */
export interface TokenPage { readonly nextToken?: string | undefined, readonly truncated?: boolean | undefined }

/**
 * The pages of a listing in order. From the second page on the next one is fetched while one is used; ending the iteration
 * ends that request. `ask` gets the token of the page, undefined for the first.
 * @throws FsError FORKFS_PROTOCOL for a page that has more behind it but no new token
 */
export async function * pagesAhead<P extends TokenPage> (
  path: string, signal: AbortSignal, ask: (token: string | undefined, signal: AbortSignal) => Promise<P>
): AsyncGenerator<P, void, undefined> {
  signal.throwIfAborted()
  const ahead = new AbortController()
  allowListeners(ahead.signal)
  const stop = (): void => { ahead.abort(signal.reason) }
  signal.addEventListener('abort', stop, { once: true })
  let coming: Promise<P> | undefined = ask(undefined, ahead.signal)
  let pages = 0
  let token: string | undefined
  try {
    while (coming !== undefined) {
      const page: P = await coming
      const { nextToken, truncated = nextToken !== undefined } = page
      if (truncated && (nextToken === undefined || nextToken === token)) throw new FsError('FORKFS_PROTOCOL', 'a page of a listing has more behind it but no new token', { path })
      token = truncated ? nextToken : undefined
      // Whoever wanted a second page goes on, as a rule.
      const early = token !== undefined && ++pages > 1 ? ask(token, ahead.signal) : undefined
      early?.catch(() => {}) // seen when its turn comes, or not wanted any more
      yield page
      coming = early ?? (token === undefined ? undefined : ask(token, ahead.signal))
    }
  } finally {
    signal.removeEventListener('abort', stop)
    ahead.abort(new Error('the listing is not wanted any more'))
  }
}
