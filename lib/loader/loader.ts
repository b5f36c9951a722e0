import { availableParallelism } from 'node:os'
import { FsError } from '../errors/index.js'
import { Crew } from './crew.js'
import { Delivery } from './delivery.js'
import { resolveLoaderOptions } from './options.js'
import type { ResolvedLoaderOptions } from './options.js'
import { planShards } from './plan.js'
import type { PlannedShard } from './plan.js'
import { ProgressBook } from './progress.js'
import type { Job } from './run.js'
import { expandShards, listedShards, ShardPlaces } from './shards.js'
import { ShuffleBuffer } from './shuffle-buffer.js'
import type { SamplePlace } from './shuffle-buffer.js'
import { decodeState, digestShards, encodeState } from './state.js'
import type { DecodedState, LoaderIdentity } from './state.js'
import type { LoaderOptions, LoaderState, LoaderStats } from './types.js'

const defaultMostWorkers = 4

/** What is known once the list of shards is. */
interface Planned {
  readonly shards: readonly string[]
  readonly plan: readonly PlannedShard[]
  readonly identity: LoaderIdentity
  readonly from: DecodedState | undefined
  readonly book: ProgressBook
}

interface Session { readonly crew: Crew, readonly delivery: Delivery }

/**
 * Each sample of each shard once per epoch, whatever happens to the workers: when one dies its shard is read again elsewhere and what
 * the consumer side already has is left out. tar gives TarSample, bytes BytesSample, lines string, jsonl the parsed value.
 *
 * Nothing starts before the first `next()`. A loader is read once: by `for await`, by `batches()`, or by several consumers that call
 * `next()` of one iterator, who get different samples. A sample counts as taken when the `next()` that gives it is settled.
 * An error is raised at its place in the order, after the samples before it; then the loader is closed, and every `next()` rejects with it.
 *
 * Memory: prefetchBytes for each worker, half as much again for what is being read, and one block that is being taken apart.
 */
export class DataLoader<T = unknown> implements AsyncIterable<T>, AsyncDisposable {
  readonly #options: ResolvedLoaderOptions
  readonly #stop = new AbortController()
  readonly #onAbort = (): void => { this.#fail(this.#options.signal!.reason) }
  #planned: Planned | undefined
  #session: Session | undefined
  #starting: Promise<Session> | undefined
  #opening: Promise<Session> | undefined
  /** Why it can not start, or not any more. */
  #failure: { readonly error: unknown } | undefined
  #claimed = false
  #closing: Promise<void> | undefined

  /**
   * @throws TypeError, RangeError for wrong options and for a state of another loader (for globs the latter comes with the first next())
   */
  constructor (options: LoaderOptions) {
    this.#options = resolveLoaderOptions(options, process.env)
    const shards = listedShards(this.#options.shards)
    if (shards !== undefined) this.#planned = this.#plan(shards)
  }

  get stats (): LoaderStats {
    const { crew, delivery } = this.#session ?? {}
    return {
      samples: delivery?.samples ?? 0,
      bytes: delivery?.bytes ?? 0,
      skipped: crew?.skipped ?? 0,
      restarts: crew?.restarts ?? 0,
      perWorker: crew?.rows.map(row => row.snapshot()) ?? []
    }
  }

  /**
   * What the consumer has taken, as plain JSON for `resume`, which takes another number of workers, too. At any time, also after close().
   * @throws FsError FORKFS_INCOMPLETE for a glob of which nothing was read yet: its shards are not known
   */
  state (): LoaderState {
    const planned = this.#planned
    if (planned === undefined) {
      if (this.#options.resume !== undefined) return this.#options.resume
      throw new FsError('FORKFS_INCOMPLETE', 'the shards of a glob are known once a sample was asked for', { operation: 'state' })
    }
    const { identity, book } = planned
    const state = this.#session === undefined ? undefined : this.#session.delivery.state()
    if (state !== undefined) return encodeState({ identity, ...state })
    if (this.#options.resume !== undefined) return this.#options.resume
    const { buffer: size, seed = 0, epoch } = this.#options
    const buffer = size === undefined ? undefined : new ShuffleBuffer<never>(size, { seed, epoch }).state(place => place)
    return encodeState({ identity, samples: 0, ...book.snapshot(), buffer })
  }

  /** The iterator of this loader; there is one, and what a second one is asked for rejects with FORKFS_CLOSED. */
  [Symbol.asyncIterator] (): AsyncIterableIterator<T> {
    return this.#iterate(1, ([value]) => value as T)
  }

  /**
   * The same samples in arrays of `size`, an integer >= 1; the last may be shorter, and so may one before an error. All samples of an
   * array are taken when it is given out.
   */
  batches (size: number): AsyncIterableIterator<T[]> {
    if (typeof size !== 'number') throw new TypeError(`Expected \`size\` to be an integer >= 1, got \`${String(size)}\` (${typeof size})`)
    if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`Expected \`size\` to be an integer >= 1, got \`${size}\` (number)`)
    return this.#iterate(size, values => values as T[])
  }

  /** Workers are stopped and their requests aborted; nothing is left when it resolves. The state stays. Idempotent. */
  close (): Promise<void> {
    this.#fail(closed('the loader was closed'))
    return this.#release()
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.close() }

  #iterate<V> (size: number, shape: (values: unknown[]) => V): AsyncIterableIterator<V> {
    const second = this.#claimed
    this.#claimed = true
    let over = false
    const done: IteratorResult<V, undefined> = { done: true, value: undefined }
    const requested = async (): Promise<IteratorResult<V, undefined>> => {
      if (over) return done
      if (second) throw closed('a loader is read once: make another for the next epoch, or share the iterator')
      const values = await (this.#session ?? await this.#start()).delivery.request(size)
      return values.length === 0 ? done : { done: false, value: shape(values) }
    }
    return {
      next: () => {
        const one = size > 1 || over || second ? undefined : this.#session?.delivery.takeOne()
        return one === undefined ? requested() : Promise.resolve({ done: false, value: shape([one.value]) })
      },
      return: async () => {
        over = true
        if (!second) await this.close()
        return done
      },
      [Symbol.asyncIterator] () { return this }
    }
  }

  #plan (shards: readonly string[]): Planned {
    const { reader, epoch, seed, buffer, rank, worldSize, even, resume } = this.#options
    const plan = planShards(shards, { seed, epoch, rank, worldSize, even })
    const name = typeof reader === 'string' ? reader : reader.href
    const identity = { reader: name, epoch, seed, buffer, rank, worldSize, even, shards: shards.length, digest: digestShards(shards) }
    const from = resume === undefined ? undefined : decodeState(resume, identity, plan.length)
    return { shards, plan, identity, from, book: new ProgressBook(plan.length, from) }
  }

  async #start (): Promise<Session> {
    if (this.#failure !== undefined) throw this.#failure.error
    this.#starting ??= this.#openOrEnd()
    return this.#starting
  }

  async #openOrEnd (): Promise<Session> {
    this.#opening = this.#open()
    try {
      return await this.#opening
    } catch (error) {
      this.#fail(error)
      await this.#release()
      throw this.#failure!.error
    }
  }

  async #open (): Promise<Session> {
    const { shards: given, options, signal, progress } = this.#options
    signal?.throwIfAborted()
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#planned ??= this.#plan(await expandShards(given, options, this.#stop.signal))
    const { plan, from, book } = this.#planned
    const places = new ShardPlaces(given, options)
    await places.prepare(plan.map(({ shard }) => shard))
    if (this.#failure !== undefined) throw this.#failure.error
    const jobOf = (ordinal: number): Job => ({ ordinal, ...places.find(plan[ordinal]!.shard), ...pick(plan[ordinal]!), start: book.startOf(ordinal) })
    const jobs = [...book.open()].map(jobOf)
    progress?.setSize(jobs.length)
    const crew = this.#crew(plan.length, places)
    const { buffer: size, seed = 0, epoch } = this.#options
    const buffer = size === undefined ? undefined : { size, seed, epoch }
    const restore = from?.buffer === undefined ? undefined : { state: from.buffer, reread: rereadJobs(from.buffer.held, jobOf) }
    const delivery = new Delivery({ crew, book, samples: from?.samples ?? 0, buffer, restore, jobs, progress, release: () => this.#release() })
    this.#session = { crew, delivery }
    return this.#session
  }

  #crew (shards: number, { filesystems }: ShardPlaces): Crew {
    const { reader, workers = Math.min(defaultMostWorkers, availableParallelism(), Math.max(1, shards)), kind, workerUrl, ordered, progress } = this.#options
    const { onError, epoch, seed, rank, worldSize, prefetchBytes } = this.#options
    return new Crew({
      workers: Math.max(1, workers),
      kind: workers === 0 ? 'in-process' : kind,
      workerUrl,
      ordered,
      reader: typeof reader === 'string' ? { name: reader } : { module: reader.href },
      setup: { onError, epoch, seed, rank, worldSize, prefetchBytes },
      filesystems,
      progress,
      onNews: () => { this.#session?.delivery.serve() }
    })
  }

  #fail (error: unknown): void {
    if (this.#session !== undefined) this.#session.delivery.fail(error)
    this.#failure ??= { error }
    this.#stop.abort(error)
  }

  /** Once, at the end of it all. */
  #release (): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end (): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#session === undefined) await this.#opening?.catch(() => {})
    await this.#session?.crew.close()
    this.#options.progress?.close?.()
  }
}

function pick ({ shard, index }: PlannedShard): { readonly shard: string, readonly index: number } {
  return { shard, index }
}

/** One run over each shard that held samples come from, from the first of them to the last. */
function rereadJobs (held: readonly SamplePlace[], jobOf: (ordinal: number) => Job): Job[] {
  const byShard = new Map<number, SamplePlace[]>()
  for (const place of held) byShard.set(place.ordinal, [...(byShard.get(place.ordinal) ?? []), place])
  return [...byShard].sort(([a], [b]) => a - b).map(([ordinal, places]) => {
    const [first] = places.sort((a, b) => a.index - b.index)
    const { index, offset } = first!
    const start = { skip: index, anchor: offset === undefined ? undefined : { index, offset } }
    return { ...jobOf(ordinal), start, wanted: places.map(place => place.index) }
  })
}

function closed (condition: string): FsError {
  return new FsError('FORKFS_CLOSED', condition, { operation: 'next' })
}
