import { setTimeout as delay } from 'node:timers/promises'
import { checkNames, FsError, isFsError } from '../errors/index.js'
import { callPath, WorkerDiedError } from './errors.js'
import { checkTimeout, moduleSpecifier, poolCallNames, resolveOptions } from './options.js'
import type { CallOptions, PoolCallOptions, PoolOptions, RemoteWorker, RemoteWorkerOptions, WorkerPool } from './types.js'
import { startUnless } from './worker.js'

/** Starts in a row that led to no answer, after which a slot is given up. */
const maxRespawns = 3
const backOffMs = 100

function expectCount (name: string, value: unknown, minimum: number): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`Expected \`${name}\` to be an integer >= ${minimum}, got \`${String(value)}\` (${typeof value})`)
  if (!Number.isSafeInteger(value) || value < minimum) throw new RangeError(`Expected \`${name}\` to be an integer >= ${minimum}, got \`${value}\` (number)`)
}

/**
 * A fixed number of workers. A call goes to the one with the fewest under way. A worker that died is replaced (at most 3 times in a row
 * without an answer, with growing pauses); calls wait for the replacement where no other lives. Where none is left, calls reject with
 * FORKFS_WORKER_DIED and the last failure as cause.
 * @throws as startWorker(): either all workers have started, or none is left
 */
export async function createPool (options: PoolOptions): Promise<WorkerPool> {
  const { size, ...workerOptions } = options
  expectCount('size', size, 1)
  const { callTimeoutMs } = resolveOptions(workerOptions)
  const started = await Promise.allSettled(Array.from({ length: size }, () => startUnless(workerOptions, undefined, size)))
  const workers = started.flatMap(result => result.status === 'fulfilled' ? [result.value] : [])
  const failure = started.find(result => result.status === 'rejected')
  if (failure !== undefined) {
    await Promise.all(workers.map(worker => worker.close({ force: true })))
    throw failure.reason
  }
  return new Pool(workerOptions, callTimeoutMs, workers)
}

interface Slot {
  worker: RemoteWorker | undefined
  under: number
  /** Starts since the last answer. */
  fruitless: number
  /** Settles when the replacement is there, or is not to be had; never rejects. */
  respawning: Promise<void> | undefined
  failure: unknown
}

class Pool implements WorkerPool {
  readonly size: number
  readonly #options: RemoteWorkerOptions
  readonly #callTimeoutMs: number | undefined
  readonly #slots: Slot[]
  readonly #closed = new AbortController()
  #closing: Promise<void> | undefined

  constructor (options: RemoteWorkerOptions, callTimeoutMs: number | undefined, workers: readonly RemoteWorker[]) {
    this.size = workers.length
    this.#options = options
    this.#callTimeoutMs = callTimeoutMs
    this.#slots = workers.map(worker => ({ worker, under: 0, fruitless: 0, respawning: undefined, failure: undefined }))
  }

  async call<T = unknown> (module: string | URL, name: string, args: readonly unknown[] = [], options: PoolCallOptions = {}): Promise<T> {
    checkNames('call()', options, poolCallNames)
    const { retries = 0, signal, timeoutMs } = options
    expectCount('retries', retries, 0)
    const specifier = moduleSpecifier('module', module)
    const ms = (timeoutMs === undefined ? this.#callTimeoutMs : checkTimeout('timeoutMs', timeoutMs)) ?? Infinity
    const endsAt = performance.now() + ms
    for (let attempt = 0; ; attempt++) {
      // Without a pause where one lives: arguments are copied, and the next call counts this one, before call() returns.
      const slot = this.#free(signal) ?? await this.#wait(signal, endsAt)
      const left = leftMs(endsAt)
      if (slot === undefined || left <= 0) { // one that can not be in time would only cost its worker
        throw new FsError('FORKFS_WORKER_TIMEOUT', `no worker was there within ${ms} ms`, { operation: 'call', path: callPath(specifier, name), retry: 'may' })
      }
      const worker = slot.worker!
      try {
        return await this.#callOn<T>(slot, worker, specifier, name, args, { signal, timeoutMs: left })
      } catch (error) {
        const died = isFsError(error, 'FORKFS_WORKER_DIED') && !worker.alive // not a worker of the function's own
        if (!died || attempt >= retries || this.#closed.signal.aborted) throw error
      }
    }
  }

  close (options: { readonly force?: boolean | undefined } = {}): Promise<void> {
    this.#closed.abort()
    if (options.force === true) return this.#closeAll(true)
    this.#closing ??= this.#closeAll(false)
    return this.#closing
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.close() }

  async #closeAll (force: boolean): Promise<void> {
    await Promise.all(this.#slots.map(async slot => {
      await slot.respawning
      await slot.worker?.close({ force })
    }))
  }

  async #callOn<T> (slot: Slot, worker: RemoteWorker, module: string, name: string, args: readonly unknown[], options: CallOptions): Promise<T> {
    slot.under++
    try {
      const value = await worker.call<T>(module, name, args, options)
      slot.fruitless = 0
      return value
    } catch (error) {
      slot.failure = error
      if (worker.alive) slot.fruitless = 0 // a failed call is an answer, too
      throw error
    } finally {
      slot.under--
      this.#tend(slot)
    }
  }

  /** The live slot with the least to do. */
  #free (signal: AbortSignal | undefined): Slot | undefined {
    signal?.throwIfAborted()
    if (this.#closed.signal.aborted) throw new FsError('FORKFS_WORKER_CLOSED', 'the pool is closed, or closing', { operation: 'call' })
    let best: Slot | undefined
    for (const slot of this.#slots) {
      this.#tend(slot)
      if (slot.worker?.alive === true && (best === undefined || slot.under < best.under)) best = slot
    }
    return best
  }

  /** None lives: the first that comes back; undefined where the time is over before. */
  async #wait (signal: AbortSignal | undefined, endsAt: number): Promise<Slot | undefined> {
    for (let left = leftMs(endsAt); left > 0; left = leftMs(endsAt)) {
      const coming = this.#slots.flatMap(slot => slot.respawning ?? [])
      if (coming.length === 0) throw this.#broken()
      await firstOf(coming, signal, left)
      const slot = this.#free(signal)
      if (slot !== undefined) return slot
    }
    return undefined
  }

  #broken (): WorkerDiedError {
    const cause = this.#slots.find(slot => slot.failure !== undefined)?.failure
    const { exitCode = null, signal = null, stderr = '' } = cause instanceof WorkerDiedError ? cause : {}
    return new WorkerDiedError(`the pool is broken: ${maxRespawns} workers in a row ended without an answer`, { exitCode, signal, stderr, operation: 'call', cause })
  }

  /** Replace a dead worker. */
  #tend (slot: Slot): void {
    if (slot.respawning !== undefined || slot.worker?.alive !== false || this.#closed.signal.aborted) return
    if (slot.fruitless >= maxRespawns) {
      slot.worker = undefined
      return
    }
    slot.respawning = this.#respawn(slot).finally(() => { slot.respawning = undefined })
  }

  async #respawn (slot: Slot): Promise<void> {
    slot.worker = undefined
    while (slot.fruitless < maxRespawns && !this.#closed.signal.aborted) {
      const pauseMs = slot.fruitless === 0 ? 0 : backOffMs * 2 ** (slot.fruitless - 1)
      slot.fruitless++
      try {
        if (pauseMs > 0) await delay(pauseMs, undefined, { signal: this.#closed.signal })
        slot.worker = await startUnless(this.#options, this.#closed.signal, this.#slots.length)
        return
      } catch (error) {
        slot.failure = error
      }
    }
  }
}

/** Whole milliseconds; Infinity where there is no end. */
function leftMs (endsAt: number): number { return Math.ceil(endsAt - performance.now()) }

/** Wait for one of them, for the abort, or so long. Listeners and timer do not outlive the wait. */
async function firstOf (promises: ReadonlyArray<Promise<void>>, signal: AbortSignal | undefined, ms: number): Promise<void> {
  let giveUp!: () => void
  const givenUp = new Promise<void>(resolve => { giveUp = resolve })
  const timer = ms === Infinity ? undefined : setTimeout(giveUp, ms)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    await Promise.race([...promises, givenUp])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}
