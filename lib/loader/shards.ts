import { FsError } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { hasMagic } from '../filesystem/paths.js'
import type { UrlOptions } from '../registry/builtin-types.js'
import { parseUrl, urlToFs } from '../registry/url.js'
import type { LoaderOptions } from './types.js'

type Shards = LoaderOptions['shards']

/** The shards where they are known without a look at the store; undefined for what may be a glob. */
export function listedShards (shards: Shards): readonly string[] | undefined {
  if (typeof shards === 'string') return hasMagic(parseUrl(shards).path) ? undefined : [shards] // its filesystem decides, once it is loaded
  if (!('fs' in shards)) return [...shards]
  const { fs, paths } = shards
  return typeof paths !== 'string' ? [...paths] : fs.isPattern(paths) ? undefined : [paths]
}

/**
 * The files that a glob names, sorted, spelled as the glob is: with their protocol where it has one. What is no glob to its filesystem (a URL with
 * a query) names itself.
 * @throws FsError ENOENT where there are none
 */
export async function expandShards (shards: Shards, options: UrlOptions | undefined, signal: AbortSignal): Promise<readonly string[]> {
  const given = typeof shards === 'object' && 'fs' in shards
  const pattern = (given ? shards.paths : shards) as string
  const [fs, path] = given ? [shards.fs, pattern] : await urlToFs(pattern, options)
  if (!fs.isPattern(path)) return [pattern]
  const found = await fs.glob(path, { signal })
  if (found.length === 0) throw new FsError('ENOENT', 'no shard fits the glob', { operation: 'glob', path: pattern, protocol: fs.protocol })
  return !given && /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(pattern) ? found.map(name => fs.url(name)) : found
}

/** Where shards are. One filesystem for each protocol, or the one that was given. */
export class ShardPlaces {
  readonly filesystems: FileSystem[] = []
  readonly #given: FileSystem | undefined
  readonly #options: UrlOptions | undefined
  readonly #byProtocol = new Map<string, FileSystem>()

  constructor (shards: Shards, options: UrlOptions | undefined) {
    this.#given = typeof shards === 'object' && 'fs' in shards ? shards.fs : undefined
    this.#options = options
    if (this.#given !== undefined) this.filesystems.push(this.#given)
  }

  /** Before `find`, for all shards that it will be asked for. */
  async prepare (shards: readonly string[]): Promise<void> {
    if (this.#given !== undefined) return
    for (const shard of shards) {
      const { protocol } = parseUrl(shard)
      if (this.#byProtocol.has(protocol)) continue
      const [fs] = await urlToFs(shard, this.#options)
      this.#byProtocol.set(protocol, fs)
      if (!this.filesystems.includes(fs)) this.filesystems.push(fs)
    }
  }

  find (shard: string): { readonly fs: FileSystem, readonly path: string } {
    if (this.#given !== undefined) return { fs: this.#given, path: shard }
    const { protocol, path } = parseUrl(shard)
    const fs = this.#byProtocol.get(protocol)!
    return { fs, path: fs.normalize(path) }
  }
}
