import { decodeError } from '../errors/codec.js'
import { FsError, isFsError } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { Progress } from '../filesystem/types.js'
import type { WorkerKind } from '../workers/types.js'
import { realm } from '../owner/realm.js'
import { WorkerBootstrapError } from '../workers/errors.js'
import { givesUpShard } from './failures.js'
import { Link } from './link.js'
import { blockSizesFor, shardsAhead } from './messages.js'
import type { FromWorker, ReadMessage, SetupMessage } from './messages.js'
import { bytesOf } from './readers/index.js'
import type { PackedBlock, ReaderName, ReadSample } from './readers/index.js'
import { Run } from './run.js'
import type { Creditor, Job, Parked } from './run.js'
import { WorkerRow } from './worker-row.js'

export interface CrewOptions {
  readonly workers: number
  readonly kind: WorkerKind
  readonly workerUrl: URL | undefined
  readonly ordered: boolean
  readonly reader: { readonly name: ReaderName } | { readonly module: string }
  readonly setup: Omit<SetupMessage, 'kind' | 'owed' | 'reader'>
  readonly filesystems: readonly FileSystem[]
  readonly progress: Progress | undefined
  /** There may be something to poll. */
  readonly onNews: () => void
}

/** A worker that ends from outside before it is ready is started again so many times. */
const maxFailedStarts = 3

/** What the consumer meets next. */
export type Item =
  | { readonly kind: 'sample', readonly sample: ReadSample, readonly job: Job, readonly row: WorkerRow }
  /** Nothing more comes of a shard. `row`: who read its end. */
  | { readonly kind: 'finished', readonly job: Job, readonly row: WorkerRow | undefined }
  | { readonly kind: 'failed', readonly error: unknown }
  /** All jobs are through; there may be others later. */
  | { readonly kind: 'idle' }

/** The place of one worker. Whoever dies there is replaced by one that takes over its shard, and what its blocks here owe. */
class Slot implements Creditor {
  link: Link | undefined
  row: WorkerRow | undefined
  run: Run | undefined
  /** What it reads next, unless another one is free before; it has begun with them. */
  readonly ahead: Run[] = []
  /** Settles when the worker is there, or is not to be had; never rejects. */
  start: Promise<void> | undefined
  started = false
  /** In a row. */
  failedStarts = 0
  /** Bytes of blocks that lie here. */
  owed = 0
  readonly known = new Set<FileSystem>()

  giveBack (bytes: number, block: PackedBlock | undefined): void {
    this.owed -= bytes
    this.link?.giveBack(bytes, block)
  }
}

/**
 * The workers, their shards and what has come of them. Jobs are given out in their order, each to the next worker that is free.
 * Why nothing waits for ever, although each worker may only park so many bytes here: the shards of one place are taken in order, so
 * when the consumer waits for a shard, all that its worker parked before it has been used, and one block may always go.
 */
export class Crew {
  readonly #options: CrewOptions
  readonly #slots: Slot[]
  #jobs: Job[] = []
  readonly #runs = new Map<number, Run>()
  /** Ordered: runs in the order of their jobs. Else: one entry for each block that arrived, and for each end. */
  readonly #queue: Run[] = []
  readonly #rows: WorkerRow[] = []
  readonly #closing = new AbortController()
  /** Samples of the last block. */
  #batch: { readonly samples: readonly ReadSample[], readonly run: Run, readonly row: WorkerRow } | undefined
  #batchAt = 0
  #nextRun = 0
  #referenced = false
  #failure: { readonly error: unknown } | undefined
  #skipped = 0
  #restarts = 0
  #peakOwed = 0
  #closed: Promise<void> | undefined
  readonly #epoch = realm.epoch

  constructor (options: CrewOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.workers }, () => new Slot())
  }

  get rows (): readonly WorkerRow[] { return this.#rows }
  get skipped (): number { return this.#skipped }
  get restarts (): number { return this.#restarts }
  /** Bytes of blocks that lie here now, by the place of the worker. */
  get owed (): readonly number[] { return this.#slots.map(slot => slot.owed) }
  /** Most bytes of blocks that ever lay here for one worker. */
  get peakOwed (): number { return this.#peakOwed }

  /** When all jobs before are through. */
  add (jobs: readonly Job[]): void {
    this.#jobs = [...jobs].reverse() // taken from the end
    for (const slot of this.#slots) if (slot.run === undefined) this.#assign(slot) // others have yet to tell that they stopped
  }

  /** Whether workers keep this process alive: while somebody waits for a sample. */
  set referenced (value: boolean) {
    if (this.#referenced === value) return
    this.#referenced = value
    for (const { link } of this.#slots) if (link !== undefined) link.referenced = value
  }

  /** The next thing, in order; undefined while it is still to come. */
  poll (): Item | undefined {
    for (;;) {
      const batch = this.#batch
      if (batch !== undefined) {
        const sample = batch.samples[this.#batchAt++]
        if (sample === undefined) this.#batch = undefined
        else if (sample.error === undefined) return { kind: 'sample', sample, job: batch.run.job, row: batch.row }
        else if (this.#options.setup.onError === 'raise') return this.#fail(Object.assign(sample.error, { shard: batch.run.job.shard }))
        else this.#skipped++
        continue
      }
      const run = this.#queue[0]
      const parked = run?.parked.shift()
      if (run !== undefined && parked !== undefined) this.#take(run, parked)
      else if (run?.ended !== undefined) return this.#finish(run)
      else return this.#nothing()
    }
  }

  #nothing (): Item | undefined {
    if (realm.epoch !== this.#epoch) this.#failure ??= { error: resetError() }
    if (this.#failure !== undefined) return { kind: 'failed', error: this.#failure.error }
    return this.#jobs.length === 0 && this.#runs.size === 0 ? { kind: 'idle' } : undefined
  }

  close (): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close (): Promise<void> {
    this.#closing.abort()
    this.#jobs = []
    for (const run of this.#runs.values()) run.finish()
    this.#runs.clear()
    this.#queue.length = 0
    await Promise.all(this.#slots.map(async slot => {
      await slot.start
      await slot.link?.close()
      slot.link = undefined
    }))
  }

  #take (run: Run, parked: Parked): void {
    if (!this.#options.ordered) this.#queue.shift()
    this.#skipped += parked.skipped
    const samples = run.unpack(parked)
    parked.slot.giveBack(parked.bytes, parked.block)
    this.#batch = { samples, run, row: parked.row }
    this.#batchAt = 0
    if (!run.satisfied || run.ended !== undefined) return
    this.#slots.find(slot => slot.run === run)?.link?.send({ kind: 'stop', run: run.number })
    this.#end(run, undefined, undefined, 0)
  }

  #finish (run: Run): Item {
    this.#queue.shift()
    this.#runs.delete(run.number)
    const { failure, row, skipped } = run.ended!
    this.#skipped += skipped
    run.finish()
    if (failure !== undefined) {
      if (this.#options.setup.onError === 'raise' || !givesUpShard(failure)) return this.#fail(failure)
      this.#skipped++
    }
    if (run.missing > 0) return this.#fail(new FsError('FORKFS_CHANGED', 'it does not hold the samples any more that the state says', { operation: 'resume', path: run.job.shard }))
    return { kind: 'finished', job: run.job, row }
  }

  #fail (error: unknown): Item {
    this.#failure ??= { error }
    this.#batch = undefined
    return { kind: 'failed', error }
  }

  /** Give the free worker its next shard; start it where it is not there yet. */
  #assign (slot: Slot): void {
    if (this.#closing.signal.aborted || this.#failure !== undefined) return
    if (slot.run === undefined) {
      const job = slot.ahead.length > 0 ? undefined : this.#jobs.pop()
      slot.run = job === undefined ? slot.ahead.shift() ?? this.#takeAway() : this.#newRun(job)
      if (slot.run === undefined) return
    }
    if (slot.link !== undefined) this.#sendRun(slot, slot.link, slot.run)
    else slot.start ??= this.#start(slot)
  }

  /** Where no jobs are left: what another worker has begun with and not come to. */
  #takeAway (): Run | undefined {
    const busiest = this.#slots.reduce((most, slot) => slot.ahead.length > most.ahead.length ? slot : most)
    const run = busiest.ahead.pop()
    if (run !== undefined) busiest.link?.send({ kind: 'stop', run: run.number })
    return run
  }

  /** Let the worker begin with what comes after the shard that it has opened: so no shard waits for the round trips of its first bytes. */
  #lookAhead (slot: Slot, run: Run | undefined, size: number | undefined): void {
    const { link } = slot
    const { reader, setup } = this.#options
    if (link === undefined || run !== slot.run || !('name' in reader) || this.#failure !== undefined) return
    const most = shardsAhead(size, setup.prefetchBytes)
    while (slot.ahead.length < most && this.#jobs.length >= this.#slots.length) { // the last ones are for whoever is free first
      const next = this.#newRun(this.#jobs.pop()!)
      slot.ahead.push(next)
      this.#sendRun(slot, link, next, 'soon')
    }
  }

  #newRun (job: Job): Run {
    const { reader, progress, ordered } = this.#options
    const branch = job.wanted === undefined ? progress?.branch?.(job.shard, '') : undefined
    const run = new Run(this.#nextRun++, job, 'name' in reader ? reader.name : undefined, branch)
    this.#runs.set(run.number, run)
    if (ordered) this.#queue.push(run)
    return run
  }

  async #start (slot: Slot): Promise<void> {
    const { kind, workerUrl, workers, filesystems, reader, setup } = this.#options
    if (slot.started) this.#restarts++
    slot.started = true
    let link: Link
    try {
      link = await Link.open({ kind, workerUrl, share: workers, filesystems, signal: this.#closing.signal }, {
        message: (message, block) => { this.#receive(slot, message, block) },
        died: error => { this.#died(slot, error) }
      })
    } catch (error) {
      slot.start = undefined
      if (diedAtStart(error) && ++slot.failedStarts < maxFailedStarts) this.#assign(slot)
      else this.#crash(error)
      return
    }
    slot.start = undefined
    slot.failedStarts = 0
    slot.link = link
    slot.row = new WorkerRow(link.owner)
    slot.known.clear()
    this.#rows.push(slot.row)
    link.referenced = this.#referenced
    link.send({ ...setup, reader, kind: 'setup', owed: slot.owed })
    this.#assign(slot)
  }

  #sendRun (slot: Slot, link: Link, run: Run, kind: ReadMessage['kind'] = 'read'): void {
    const { job: { fs, path, shard, index }, reached: { skip, anchor }, etag } = run
    const number = this.#options.filesystems.indexOf(fs)
    try {
      if (!slot.known.has(fs)) link.send({ kind: 'fs', number, fs: this.#options.kind === 'in-process' ? undefined : fs })
      slot.known.add(fs)
      link.send({ kind, run: run.number, fs: number, path, shard, index, skip, anchor, etag })
    } catch (error) {
      this.#crash(error) // a filesystem that can not travel
    }
  }

  #receive (slot: Slot, message: FromWorker, block: PackedBlock | undefined): void {
    const run = this.#runs.get(message.run)
    if (message.kind === 'block') this.#park(slot, run, message, block!)
    else if (message.kind === 'opened') {
      run?.opened(message.size, message.etag)
      this.#lookAhead(slot, run, message.size)
    } else {
      if (slot.row !== undefined) slot.row.resets = message.resets
      if (run !== undefined) this.#end(run, message.failed ? decodeError(message.error) : undefined, slot.row, message.skipped - run.skippedSeen)
      slot.run = undefined
      this.#assign(slot)
    }
    this.#options.onNews()
  }

  #park (slot: Slot, run: Run | undefined, { at, skipped }: FromWorker & { readonly kind: 'block' }, block: PackedBlock): void {
    const bytes = bytesOf(block)
    slot.owed += bytes
    this.#peakOwed = Math.max(this.#peakOwed, slot.owed)
    if (run === undefined || run.ended !== undefined) { slot.giveBack(bytes, block); return }
    run.parked.push({ bytes, block, samples: undefined, slot, row: slot.row!, at, skipped: skipped - run.skippedSeen })
    run.skippedSeen = skipped
    if (!this.#options.ordered) this.#queue.push(run)
  }

  #end (run: Run, failure: unknown, row: WorkerRow | undefined, skipped: number): void {
    if (run.ended !== undefined) return
    run.ended = { failure, row, skipped }
    if (!this.#options.ordered) this.#queue.push(run)
  }

  #died (slot: Slot, error: unknown): void {
    slot.link = undefined
    if (this.#closing.signal.aborted) return
    if (realm.epoch !== this.#epoch) { this.#crash(resetError()); return }
    const { run } = slot
    if (run?.ended !== undefined) slot.run = undefined
    else if (run !== undefined && !run.died(this.#mayRead(slot))) {
      const failure = new FsError('FORKFS_WORKER_DIED', 'three workers in a row died while they read it, none of them after one more sample', {
        operation: 'read', path: run.job.shard, retry: 'exhausted', cause: error
      })
      this.#end(run, Object.assign(failure, { shard: run.job.shard, position: run.reached.anchor?.offset }), undefined, 0)
      slot.run = undefined
    }
    this.#assign(slot)
    this.#options.onNews()
  }

  /** Without credit a worker waits, and its shard has no part in its death. */
  #mayRead ({ owed }: Slot): boolean {
    const { prefetchBytes } = this.#options.setup
    return owed === 0 || owed + blockSizesFor(prefetchBytes).most <= prefetchBytes
  }

  /** Nothing can go on. */
  #crash (error: unknown): void {
    if (this.#closing.signal.aborted) return
    this.#failure ??= { error }
    this.#options.onNews()
  }
}

/** Ended from outside before it was ready: as good as a death later. */
function diedAtStart (error: unknown): boolean {
  return isFsError(error, 'FORKFS_WORKER_DIED') || (error instanceof WorkerBootstrapError && error.kind === 'exit')
}

function resetError (): FsError {
  return new FsError('FORKFS_RESET', 'the loader was started before resetForFork(): make another, with the state of this one', { operation: 'next' })
}
