import type { Progress } from '../filesystem/types.js'
import type { Crew, Item } from './crew.js'
import type { ProgressBook } from './progress.js'
import type { ReadSample } from './readers/index.js'
import { ShuffleBuffer } from './shuffle-buffer.js'
import type { SamplePlace, ShuffleBufferState } from './shuffle-buffer.js'
import type { DecodedState } from './state.js'
import type { Job } from './run.js'
import type { WorkerRow } from './worker-row.js'

/** A sample on its way out. */
interface Taken { readonly ordinal: number, readonly sample: ReadSample, readonly row: WorkerRow }

export interface DeliveryOptions {
  readonly crew: Crew
  readonly book: ProgressBook
  /** Taken before this loader began. */
  readonly samples: number
  readonly buffer: { readonly size: number, readonly seed: number, readonly epoch: number } | undefined
  /** A buffer to be filled again: `reread` brings its samples back, `jobs` the rest. */
  readonly restore: { readonly state: ShuffleBufferState, readonly reread: readonly Job[] } | undefined
  readonly jobs: readonly Job[]
  readonly progress: Progress | undefined
  /** All samples were given out, or an error was met: workers are not needed any more. */
  readonly release: () => Promise<void>
}

interface Waiter { readonly size: number, readonly resolve: (values: unknown[]) => void, readonly reject: (error: unknown) => void }

/**
 * From what the crew brings to what consumers get: the order of the shuffle buffer, whole batches, and the account of what was taken.
 * A request first gathers what it needs and then takes all of it at once, so that the account never shows half a batch.
 */
export class Delivery {
  readonly #options: DeliveryOptions
  readonly #raw: Item[] = []
  #rawSamples = 0
  #buffer: ShuffleBuffer<Taken> | undefined
  /** Samples of the buffer that was left, as they come back; undefined when there is (no longer) anything to wait for. */
  #reread: Map<string, Taken> | undefined
  readonly #waiting: Waiter[] = []
  #serving = false
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #released: Promise<void> | undefined
  #samples = 0
  #bytes = 0

  constructor (options: DeliveryOptions) {
    this.#options = options
    const { crew, buffer, restore, jobs } = options
    if (restore !== undefined && restore.state.held.length > 0) {
      this.#reread = new Map()
      crew.add(restore.reread)
      return
    }
    if (restore !== undefined) this.#buffer = new ShuffleBuffer(buffer!.size, { state: restore.state, restored: [] })
    else if (buffer !== undefined) this.#buffer = new ShuffleBuffer(buffer.size, buffer)
    crew.add(jobs)
  }

  get samples (): number { return this.#samples }
  get bytes (): number { return this.#bytes }

  /** The next value where it is there and nobody waits before: most are, and need no promise of a request. */
  takeOne (): { readonly value: unknown } | undefined {
    if (this.#waiting.length > 0 || this.#raw.length > 0 || this.#buffer !== undefined || this.#reread !== undefined || this.#ended || this.#failure !== undefined) return undefined
    const item = this.#options.crew.poll()
    if (item?.kind === 'sample') {
      this.#options.book.take(item.job.ordinal, item.sample.index, item.sample.offset)
      return { value: this.#deliver(item.sample, item.row) }
    }
    if (item !== undefined) this.#meet(item)
    return undefined
  }

  /** `size` values, fewer before the end or an error, none at the end. In the order of the calls. */
  request (size: number): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ size, resolve, reject })
      if (this.#waiting.length === 1) this.serve()
    })
  }

  /** Give what can be given to those who wait. */
  serve (): void {
    if (this.#serving) return // news while jobs are added: the loop below goes on with it
    this.#serving = true
    this.#options.crew.referenced = this.#serveAll()
    this.#serving = false
  }

  /** @returns whether somebody still waits */
  #serveAll (): boolean {
    for (let waiter = this.#waiting[0]; waiter !== undefined; waiter = this.#waiting[0]) {
      if (!this.#gather(waiter.size)) return true
      this.#waiting.shift()
      this.#settle(waiter, this.#emit(waiter.size))
    }
    return false
  }

  /** Reject all who wait, now and later, once the workers have ended; samples that nobody has taken are dropped. */
  fail (error: unknown): void {
    if (this.#failure !== undefined || (this.#ended && this.#available() === 0)) return
    this.#raw.length = 0
    this.#rawSamples = 0
    this.#break(error)
    this.serve()
  }

  /** undefined while the buffer of an earlier state is not there again: that state still holds. */
  state (): Pick<DecodedState, 'samples' | 'done' | 'begun' | 'buffer'> | undefined {
    if (this.#reread !== undefined) return undefined
    const { book, samples } = this.#options
    return { samples: samples + this.#samples, ...book.snapshot(), buffer: this.#buffer?.state(placeOf) }
  }

  #settle ({ resolve, reject }: Waiter, values: unknown[]): void {
    if (values.length > 0) { resolve(values); return }
    const failure = this.#failure
    void this.#release().then(() => {
      if (failure === undefined) resolve(values)
      else reject(failure.error)
    })
  }

  #release (): Promise<void> {
    this.#released ??= this.#options.release()
    return this.#released
  }

  #break (error: unknown): void {
    this.#failure ??= { error }
    void this.#release()
  }

  /** @returns whether the request can be settled */
  #gather (size: number): boolean {
    while (this.#available() < size && !this.#ended && this.#failure === undefined) {
      const item = this.#options.crew.poll()
      if (item === undefined) return false
      this.#meet(item)
    }
    return true
  }

  #meet (item: Item): void {
    if (item.kind === 'failed') this.#break(item.error)
    else if (item.kind === 'idle') this.#onIdle()
    else if (this.#reread !== undefined) this.#keep(item)
    else {
      this.#raw.push(item)
      if (item.kind === 'sample') this.#rawSamples++
    }
  }

  /** Values that could be given now. */
  #available (): number {
    const buffer = this.#buffer
    if (buffer === undefined) return this.#rawSamples
    const all = this.#rawSamples + buffer.length
    return this.#ended ? all : Math.max(0, all - this.#options.buffer!.size)
  }

  #keep (item: Item): void {
    if (item.kind === 'sample') this.#reread!.set(keyOf(item.job.ordinal, item.sample.index), { ordinal: item.job.ordinal, sample: item.sample, row: item.row })
  }

  #onIdle (): void {
    const found = this.#reread
    if (found === undefined) {
      this.#ended = true
      void this.#release()
      return
    }
    const { buffer, restore, crew, jobs } = this.#options
    const { state } = restore!
    this.#reread = undefined
    this.#buffer = new ShuffleBuffer(buffer!.size, { state, restored: state.held.map(({ ordinal, index }) => found.get(keyOf(ordinal, index))!) })
    crew.add(jobs)
  }

  /** Synchronous: nobody sees a state in between. */
  #emit (size: number): unknown[] {
    const values: unknown[] = []
    let used = 0
    for (; used < this.#raw.length; used++) {
      const item = this.#raw[used]!
      if (item.kind === 'finished') this.#finish(item.job, item.row)
      else if (item.kind === 'sample') {
        if (values.length === size) break
        const leaving = this.#enter(item.job.ordinal, item.sample, item.row)
        if (leaving !== undefined) values.push(this.#deliver(leaving.sample, leaving.row))
      }
    }
    this.#raw.splice(0, used)
    if (this.#ended && this.#failure === undefined && this.#buffer !== undefined) {
      for (let taken; values.length < size && (taken = this.#buffer.drain()) !== undefined;) values.push(this.#deliver(taken.sample, taken.row))
    }
    return values
  }

  #enter (ordinal: number, sample: ReadSample, row: WorkerRow): Taken | undefined {
    this.#rawSamples--
    this.#options.book.take(ordinal, sample.index, sample.offset)
    const taken = { ordinal, sample, row }
    return this.#buffer === undefined ? taken : this.#buffer.push(taken)
  }

  #deliver (sample: ReadSample, row: WorkerRow): unknown {
    this.#samples++
    this.#bytes += sample.bytes
    row.samples++
    row.bytes += sample.bytes
    return sample.value
  }

  #finish (job: Job, row: WorkerRow | undefined): void {
    this.#options.book.finish(job.ordinal)
    this.#options.progress?.advance(1)
    if (row !== undefined) row.shards++
  }
}

function placeOf ({ ordinal, sample: { index, offset } }: Taken): SamplePlace {
  return { ordinal, index, offset }
}

function keyOf (ordinal: number, index: number): string {
  return `${ordinal} ${index}`
}
