import type { ListOptions } from '../../lib/filesystem/core.js'
import type { NetworkOptions } from '../../lib/filesystem/network-options.js'
import type { ResolvedCommonOptions } from '../../lib/filesystem/options.js'
import type { Stats } from '../../lib/filesystem/stats.js'
import type { Chunk, FileInfo, RangeRead } from '../../lib/filesystem/types.js'
import { NetClient } from '../../lib/net/index.js'
import { Again } from './again.js'
import { HttpClient } from './client.js'
import { readInfo } from './info.js'
import { listPages } from './list.js'
import { Reader } from './reader.js'
import type { Wanted } from './reader.js'
import { WholeFiles } from './whole.js'

export interface EngineOptions extends ResolvedCommonOptions, NetworkOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Origin of baseUrl: the only one that sees all headers. */
  readonly home: string | undefined
  /** Names of headers that the sender of this instance kept. */
  readonly withheld: readonly string[]
}

/** Everything of HTTP that a program which only imports forkfs does not need. */
export class HttpEngine {
  readonly #net: NetClient
  readonly #client: HttpClient
  readonly #whole = new WholeFiles()
  readonly #again: Again
  readonly #reader: Reader
  #restarts = 0

  constructor (options: EngineOptions) {
    const { headers, home, withheld, retry, maxConcurrency, transport } = options
    this.#net = new NetClient({ ...options, protocol: 'http', transport: transport === 'direct' ? 'direct' : 'undici' }) // servers are not known
    this.#client = new HttpClient({ net: this.#net, headers, home, withheld })
    this.#again = new Again(retry, () => { this.#restarts++ })
    this.#reader = new Reader({ client: this.#client, whole: this.#whole, concurrency: maxConcurrency, again: this.#again })
  }

  get stats (): Stats {
    const { stats } = this.#net
    return { ...stats, retries: stats.retries + this.#restarts }
  }

  info (path: string, signal: AbortSignal): Promise<FileInfo> { return readInfo(this.#client, this.#whole, path, signal) }

  list (path: string, options: ListOptions & { readonly signal: AbortSignal }): AsyncIterable<readonly FileInfo[]> { return listPages(this.#client, this.#again, path, options) }

  read (wanted: Wanted): Promise<RangeRead> { return this.#reader.read(wanted) }

  chunks (wanted: Pick<Wanted, 'path' | 'ifMatch' | 'signal'>): AsyncGenerator<Chunk, void, undefined> { return this.#reader.chunks(wanted) }

  /** Forget which files were seen to have no ranges. */
  forget (path: string | undefined): void { this.#whole.forget(path) }

  async close (): Promise<void> {
    this.#whole.clear()
    this.#reader.endStanding()
    await this.#net.close()
  }

  drop (): void {
    this.#whole.clear()
    this.#net.drop()
  }
}
