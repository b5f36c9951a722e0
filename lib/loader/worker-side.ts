/** What runs in a worker of a loader: reads shards as it is told and posts packed blocks, as many as it has credit for. */
import { encodeError } from '../errors/codec.js'
import { FsError, isFsError } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { currentOwner } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { revive } from '../registry/revive.js'
import { callDataChannel } from '../workers/context.js'
import type { DataChannel } from '../workers/data-channel.js'
import { BlockPool } from './block-pool.js'
import { blockSizesFor } from './messages.js'
import type { BlockSizes, FromWorker, ReadMessage, SetupMessage, ToWorker } from './messages.js'
import { bytesOf, newCounters, openReader, toBuffers } from './readers/index.js'
import type { PackedBlock, ReaderCounters } from './readers/index.js'
import { ShardSource } from './shard-source.js'
import { ValuePacker } from './values.js'
import type { CustomReader, ReaderContext } from './types.js'

/** Values of a custom reader travel together up to here. */
const valueBytes = 256 * 1024
const readsAtOnce = 3

/** Called once in each thread and process of a loader. It goes on until its channel is closed. */
export async function serveLoader (): Promise<OwnerTag> {
  const data = await callDataChannel()
  void new ShardServer(data, fs => revive(fs, { allowModules: true }) as FileSystem, true)
  return currentOwner()
}

/** The same in the loader's own thread, with the filesystems themselves. */
export function serveHere (data: DataChannel, filesystems: readonly FileSystem[]): void {
  void new ShardServer(data, (_descriptor, number) => filesystems[number]!, false)
}

interface Run { readonly number: number, readonly controller: AbortController, readonly counters: ReaderCounters, source: ShardSource | undefined }

/** A shard that was begun before its turn. */
interface Ahead { readonly controller: AbortController, readonly source: Promise<ShardSource> }

class ShardServer {
  readonly #data: DataChannel
  readonly #revive: (fs: unknown, number: number) => FileSystem
  readonly #alone: boolean
  readonly #filesystems: FileSystem[] = []
  #setup!: SetupMessage
  /** Bytes posted that did not come back. */
  #owed = 0
  #sizes!: BlockSizes
  #pool!: BlockPool
  #room: (() => void) | undefined
  #run: Run | undefined
  readonly #ahead = new Map<number, Ahead>()

  /** @param alone it ends with its thread or process, and what it reads with it */
  constructor (data: DataChannel, reviveOne: (fs: unknown, number: number) => FileSystem, alone: boolean) {
    this.#alone = alone
    this.#data = data
    this.#revive = reviveOne
    data.onMessage((message, blocks) => { this.#receive(message as ToWorker, blocks) })
    data.onClose(() => { this.#end() })
  }

  #receive (message: ToWorker, blocks: readonly ArrayBuffer[]): void {
    switch (message.kind) {
      case 'setup': this.#begin(message); break
      case 'fs': this.#addFileSystem(message.number, message.fs); break
      case 'soon': this.#beginEarly(message); break
      case 'read': void this.#read(message); break
      case 'stop':
        if (this.#run?.number === message.run) this.#run.controller.abort(stopped())
        this.#abandon(message.run)
        this.#room?.()
        break
      case 'back':
        this.#owed -= message.bytes
        this.#pool.put(blocks)
        this.#room?.()
        break
      case 'end': this.#end()
    }
  }

  #begin (setup: SetupMessage): void {
    this.#setup = setup
    this.#owed = setup.owed
    this.#sizes = blockSizesFor(setup.prefetchBytes)
    this.#pool = new BlockPool(this.#sizes.table, ...this.#alone ? [this.#sizes.read] : [])
  }

  /** What can not be revived is told by the first shard that needs it. */
  #addFileSystem (number: number, fs: unknown): void {
    try {
      this.#filesystems[number] = this.#revive(fs, number)
    } catch (error) {
      this.#filesystems[number] = { open: () => { throw error } } as unknown as FileSystem
    }
  }

  #end (): void {
    this.#run?.controller.abort(stopped())
    for (const run of this.#ahead.keys()) this.#abandon(run)
    this.#room?.()
    this.#data.close()
  }

  /** Open the shard and ask for its first bytes. What goes wrong is told when it is its turn. */
  #beginEarly (message: ReadMessage): void {
    const controller = new AbortController()
    const source = this.#openSource(message, controller.signal).then(opened => {
      opened.begin()
      return opened
    })
    source.catch(() => {})
    this.#ahead.set(message.run, { controller, source })
  }

  #abandon (run: number): void {
    const ahead = this.#ahead.get(run)
    this.#ahead.delete(run)
    ahead?.controller.abort(stopped())
    ahead?.source.then(source => source.close()).catch(() => {}) // it was not opened, then
  }

  #openSource ({ fs, path, shard, anchor, etag }: ReadMessage, signal: AbortSignal): Promise<ShardSource> {
    const { read: readBytes, table: sliceBytes, lends } = this.#sizes
    return ShardSource.open(this.#filesystems[fs]!, path, shard, {
      start: anchor?.offset ?? 0, readBytes, readsAtOnce, sliceBytes, signal, etag, buffers: this.#alone ? this.#pool : undefined, lends: lends && this.#alone
    })
  }

  async #read (message: ReadMessage): Promise<void> {
    const ahead = this.#ahead.get(message.run)
    this.#ahead.delete(message.run)
    const run: Run = { number: message.run, controller: ahead?.controller ?? new AbortController(), counters: newCounters(), source: undefined }
    this.#run = run
    let failure: { readonly error: unknown } | undefined
    try {
      const { reader } = this.#setup
      if ('module' in reader) await this.#readCustom(run, message, reader.module)
      else await this.#readBuiltIn(run, message, reader.name, ahead?.source)
    } catch (error) {
      if (!run.controller.signal.aborted) failure = { error: encodeError(located(error, message.shard, run.source?.at)) }
    }
    this.#run = undefined
    const done = { kind: 'done', run: run.number, skipped: run.counters.skipped, resets: currentOwner().epoch - 1, failed: failure !== undefined } as const
    await this.#post(failure === undefined ? done : { ...done, error: failure.error })
  }

  async #readBuiltIn (run: Run, message: ReadMessage, name: Parameters<typeof openReader>[0], begun: Promise<ShardSource> | undefined): Promise<void> {
    const { skip, anchor } = message
    const { signal } = run.controller
    const { table: blockBytes, most } = this.#sizes
    const source = await (begun ?? this.#openSource(message, signal))
    run.source = source
    try {
      await this.#post({ kind: 'opened', run: run.number, size: source.size, etag: source.etag })
      const blocks = openReader(name).pack(source, {
        skip, anchor, signal, blockBytes, counters: run.counters, onError: this.#setup.onError, acquire: bytes => this.#pool.take(bytes)
      })
      await this.#haveRoom(most, signal)
      for await (const { table, data } of blocks) {
        await this.#postBlock(run, { table: this.#pool.trim(table), data })
        await this.#haveRoom(most, signal)
      }
    } finally {
      await source.close()
    }
  }

  async #readCustom (run: Run, message: ReadMessage, module: string): Promise<void> {
    const { signal } = run.controller
    const reader = await customReader(module)
    const values: AsyncIterator<unknown> = reader(this.#filesystems[message.fs]!, message.path, this.#context(message, signal))
    const packer = new ValuePacker()
    const limit = Math.min(valueBytes, this.#sizes.table)
    const flush = async (): Promise<void> => {
      if (packer.bytes > 0) await this.#postBlock(run, { table: packer.take(), data: undefined })
    }
    let index = 0
    try {
      for (;;) {
        await this.#haveRoom(limit, signal)
        const next = values.next()
        if (packer.bytes > 0 && !await settlesAtOnce(next)) await flush() // what is there does not wait for what takes its time
        const result = await next
        signal.throwIfAborted()
        if (result.done === true) break
        if (index++ < message.skip) continue
        packer.add(result.value)
        if (packer.bytes >= limit) await flush()
      }
      await flush()
    } catch (error) {
      if (!signal.aborted) await flush()
      throw isFsError(error) ? error : brokenBy(error, message.shard, index)
    } finally {
      await values.return?.() // any iterator will do
    }
  }

  #context ({ shard, index }: ReadMessage, signal: AbortSignal): ReaderContext {
    const { epoch, seed, rank, worldSize } = this.#setup
    return { shard, index, epoch, seed, rank, worldSize, signal }
  }

  async #postBlock (run: Run, block: PackedBlock): Promise<void> {
    this.#owed += bytesOf(block)
    await this.#post({ kind: 'block', run: run.number, at: run.source?.at ?? 0, skipped: run.counters.skipped }, toBuffers(block))
  }

  #post (message: FromWorker, blocks?: readonly ArrayBuffer[]): Promise<void> | undefined {
    return this.#data.post(message, blocks)
  }

  /** Until so many bytes may be posted, or nothing is parked: then one block may go whatever its size, so that no shard waits for ever. */
  async #haveRoom (bytes: number, signal: AbortSignal): Promise<void> {
    while (this.#owed > 0 && this.#owed + bytes > this.#setup.prefetchBytes && !signal.aborted) {
      await new Promise<void>(resolve => { this.#room = resolve })
    }
    signal.throwIfAborted()
  }
}

function stopped (): FsError {
  return new FsError('FORKFS_CLOSED', 'the loader does not want the shard any more', { operation: 'read' })
}

async function customReader (module: string): Promise<CustomReader> {
  const { default: reader } = await import(/* webpackIgnore: true */ module) as { readonly default?: unknown }
  if (typeof reader === 'function') return reader as CustomReader
  throw new TypeError(`Expected the default export of the reader ${module} to be an async generator function, got ${typeof reader}`)
}

/** Whether the promise settles within the microtasks at hand. */
async function settlesAtOnce (promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = (): void => { settled = true }
  promise.then(settle, settle)
  for (let turn = 0; turn < 4 && !settled; turn++) await Promise.resolve()
  return settled
}

function brokenBy (error: unknown, shard: string, index: number): FsError {
  const what = error instanceof Error ? error.message : String(error)
  const broken = new FsError('FORKFS_SAMPLE', `the reader failed at sample ${index}: ${what}`, { operation: 'read', path: shard, cause: error })
  return Object.assign(broken, { position: index })
}

/** Errors of the store name a path within it: add the shard, and how far it was read. */
function located (error: unknown, shard: string, position: number | undefined): unknown {
  if (typeof error !== 'object' || error === null || !Object.isExtensible(error)) return error
  return Object.assign(error, { shard }, 'position' in error || position === undefined ? {} : { position })
}
