import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { StreamStats } from './types.js'

type Counter = { -readonly [K in keyof StreamStats]: StreamStats[K] }

/** Requests are counted where they are traced; which stream they belong to is known by their async context. Only while streams are open. */
const started = 'tracing:forkfs:request:start'
const retried = 'forkfs:retry'

let contexts: AsyncLocalStorage<Counter> | undefined
let users = 0

const onStart = (): void => { bump('requests') }
const onRetry = (): void => { bump('retries') }

function bump (name: 'requests' | 'retries'): void {
  const counter = contexts?.getStore()
  if (counter !== undefined) counter[name]++
}

export class StreamCounter {
  readonly #counts: Counter = { bytes: 0, requests: 0, retries: 0 }
  readonly #traced: boolean
  #open = true

  /** @param traced Whether there are requests to be counted: contexts cost every promise of the program a little. */
  constructor (traced: boolean) {
    this.#traced = traced
    if (!traced) return
    contexts ??= new AsyncLocalStorage()
    if (users++ > 0) return
    subscribe(started, onStart)
    subscribe(retried, onRetry)
  }

  get stats (): StreamStats { return { ...this.#counts } }

  add (bytes: number): void { this.#counts.bytes += bytes }

  /** What `work` asks of a store is this stream's. */
  run<T> (work: () => Promise<T>): Promise<T> { return this.#traced ? contexts!.run(this.#counts, work) : work() }

  /** Idempotent. */
  close (): void {
    if (!this.#open || !this.#traced) return
    this.#open = false
    if (--users > 0) return
    unsubscribe(started, onStart)
    unsubscribe(retried, onRetry)
    contexts?.disable()
  }
}
