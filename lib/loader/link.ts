import { currentOwner } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { directDataChannels } from '../workers/data-channel.js'
import type { DataChannel } from '../workers/data-channel.js'
import type { RemoteWorker, WorkerKind } from '../workers/types.js'
import { openDataChannel, startUnless } from '../workers/worker.js'
import { workerSideName } from './messages.js'
import type { FromWorker, ToWorker } from './messages.js'
import { toBuffers } from './readers/index.js'
import type { PackedBlock } from './readers/index.js'

export interface LinkOptions {
  readonly kind: WorkerKind
  /** The entry file of a bundled application. */
  readonly workerUrl: URL | undefined
  /** How many workers divide what one filesystem may do at once. */
  readonly share: number
  /** Filesystems of the loader, for workers in this thread. */
  readonly filesystems: readonly FileSystem[]
  /** Gives up a start that is under way. */
  readonly signal: AbortSignal
}

export interface LinkHandlers {
  message (message: FromWorker, block: PackedBlock | undefined): void
  /** It is gone, and nobody here had asked for it. Called at most once, after its last message. */
  died (error: unknown): void
}

/** This side of one live worker. */
export class Link {
  readonly owner: OwnerTag
  readonly #kind: WorkerKind
  readonly #data: DataChannel
  readonly #worker: RemoteWorker | undefined
  #over = false

  private constructor (kind: WorkerKind, owner: OwnerTag, data: DataChannel, worker: RemoteWorker | undefined) {
    this.#kind = kind
    this.owner = owner
    this.#data = data
    this.#worker = worker
  }

  /** @throws WorkerBootstrapError, FsError FORKFS_WORKER_DIED; nothing is left of the worker then */
  static async open (options: LinkOptions, handlers: LinkHandlers): Promise<Link> {
    if (options.kind === 'in-process') return Link.#openHere(options, handlers)
    const { kind, workerUrl } = options
    const worker = await startUnless({ kind, workerUrl }, options.signal, options.share)
    try {
      const module = workerUrl === undefined ? new URL(/* webpackIgnore: true */ './worker-side.js', import.meta.url) : workerSideName
      const data = openDataChannel(worker)
      const owner = await worker.call<OwnerTag>(module, 'serveLoader')
      return new Link(kind, owner, data, worker).#listen(handlers)
    } catch (error) {
      await worker.close({ force: true })
      throw error
    }
  }

  static async #openHere ({ filesystems }: LinkOptions, handlers: LinkHandlers): Promise<Link> {
    const { serveHere } = await import('./worker-side.js')
    const [near, far] = directDataChannels()
    serveHere(far, filesystems)
    return new Link('in-process', currentOwner(), near, undefined).#listen(handlers)
  }

  #listen (handlers: LinkHandlers): this {
    this.#data.onMessage((message, [table, data]) => { if (!this.#over) handlers.message(message as FromWorker, table === undefined ? undefined : { table, data }) })
    this.#data.onClose(() => { void this.#closed(handlers) })
    return this
  }

  async #closed (handlers: LinkHandlers): Promise<void> {
    if (this.#over) return
    this.#over = true
    handlers.died(await this.#lastWords())
  }

  /** How it ended is known a little later: a call is refused with that. Whatever is left of it is ended. */
  async #lastWords (): Promise<unknown> {
    try {
      await this.#worker?.call('node:os', 'uptime')
    } catch (error) {
      return error
    } finally {
      await this.#worker?.close({ force: true })
    }
    return new Error('the data channel of the worker was closed')
  }

  /** @throws FsError FORKFS_UNCLONEABLE, and nothing is sent */
  send (message: ToWorker): void { void this.#data.post(message) }

  /** Give credit back, and the block with it where that costs nothing. */
  giveBack (bytes: number, block: PackedBlock | undefined): void {
    const blocks = block === undefined || this.#kind === 'process' ? [] : toBuffers(block)
    void this.#data.post({ kind: 'back', bytes } satisfies ToWorker, blocks)
  }

  /** Whether it keeps this process alive. */
  set referenced (value: boolean) {
    if (value) this.#data.ref()
    else this.#data.unref()
  }

  /** By force: requests under way end with the worker. */
  async close (): Promise<void> {
    this.#over = true
    if (this.#worker === undefined) this.send({ kind: 'end' })
    await this.#worker?.close({ force: true })
    this.#data.close()
  }
}
