import { decodeError, encodeError } from '../errors/codec.js'
import { checkNames, FsError, kindOf } from '../errors/index.js'
import { answerWorker } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { releaseOwner } from '../resources/release.js'
import { arrive } from './arrive.js'
import type { DataChannel } from './data-channel.js'
import { attachOutput, callPath, describeExit, endOf, WorkerDiedError } from './errors.js'
import type { Call, Exit } from './errors.js'
import { within } from './hosts/host.js'
import type { Host } from './hosts/host.js'
import { launch } from './launch.js'
import { callNames, checkTimeout, moduleSpecifier, resolveOptions } from './options.js'
import type { ResolvedWorkerOptions } from './options.js'
import type { Peer } from './peer.js'
import { printedVerb } from './envelope.js'
import type { Answer, Subject } from './peer.js'
import { track, untrack } from './live.js'
import type { Tracked } from './live.js'
import { refusePromises } from './serialize.js'
import type { AskBody, CallBody } from './server.js'
import { tracedCalls } from './trace.js'
import type { CallTrace } from './trace.js'
import type { CallOptions, RemoteWorker, RemoteWorkerOptions } from './types.js'

/** How long a function may take to end after its abort before the worker is ended. */
const graceMs = 1000
/** How long a timed-out call waits for its worker to be gone: a thread in a blocking system call can not be stopped. */
const killWaitMs = 200

interface Exchange {
  readonly verb: CallTrace['verb']
  readonly body: unknown
  readonly subject: Subject
  /** For onTimeout and messages. */
  readonly module: string
  readonly name: string
}

let openData: (worker: LiveWorker) => DataChannel

/**
 * Start a worker: its first act is resetForFork(), then `init` runs. Resolves when it is ready for calls. An idle worker does not keep
 * this process alive, and ends with it.
 * @throws WorkerBootstrapError, with what the worker printed; FsError FORKFS_UNCLONEABLE for workerData; TypeError, RangeError
 */
export function startWorker (options: RemoteWorkerOptions = {}): Promise<RemoteWorker> {
  return startUnless(options)
}

/** startWorker(), given up when `signal` is aborted. `share`: how many workers divide what an instance may use (maxConcurrency). */
export async function startUnless (options: RemoteWorkerOptions, signal?: AbortSignal, share = 1): Promise<RemoteWorker> {
  const resolved = resolveOptions(options)
  const { host, peer, owner } = await launch(resolved, {
    request: (_verb, body) => answerWorker(body as AskBody), // workers ask nothing else
    notice (verb) { if (verb === printedVerb) host.output.isBehind = true },
    close () {}
  }, share, signal)
  return new LiveWorker(resolved, host, peer, owner)
}

/** The parent's end of the worker's one data channel. In the worker: callDataChannel(). For the loader; not public. */
export function openDataChannel (worker: RemoteWorker): DataChannel {
  if (!(worker instanceof LiveWorker)) throw new TypeError('Expected `worker` to come from startWorker()')
  return openData(worker)
}

class LiveWorker implements RemoteWorker {
  readonly owner: OwnerTag
  readonly #tracked: Tracked = { drop: mode => this.#drop(mode) }
  readonly #options: ResolvedWorkerOptions
  readonly #host: Host
  readonly #peer: Peer
  /** Why no call is accepted any more; a fresh error each time. */
  #refusal: (() => Error) | undefined
  /** What calls under way reject with where we ended it; else they learn how it died. */
  #loss: (() => Error) | undefined
  #leaving = false
  #under = 0
  #idle: (() => void) | undefined
  #gone = false
  #killing: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #data: DataChannel | undefined

  constructor (options: ResolvedWorkerOptions, host: Host, peer: Peer, owner: OwnerTag) {
    this.#options = options
    this.#host = host
    this.#peer = peer
    this.owner = owner
    track(this.#tracked)
    host.unref()
    void host.exited.then(exit => { this.#onExit(exit) })
  }

  get alive (): boolean { return this.#refusal === undefined && !this.#gone }

  async call<T = unknown> (module: string | URL, name: string, args: readonly unknown[] = [], options: CallOptions = {}): Promise<T> {
    const specifier = moduleSpecifier('module', module)
    if (typeof name !== 'string' || name === '') throw new TypeError(`Expected \`name\` to be the name of an export, got \`${String(name)}\` (${typeof name})`)
    if (!Array.isArray(args)) throw new TypeError(`Expected \`args\` to be an array, got (${kindOf(args)})`)
    refusePromises(args, index => `args[${index}]`)
    checkNames('call()', options, callNames)
    const body: CallBody = [specifier, name, args]
    // Awaited here, not returned: V8 then shows the caller in the stack of what is thrown.
    const value = await this.#traced({ verb: 'call', body, subject: { value: args, root: 'args' }, module: specifier, name }, options)
    return value as T
  }

  async run (source: string, options: CallOptions = {}): Promise<void> {
    if (typeof source !== 'string') throw new TypeError(`Expected \`source\` to be a string, got (${kindOf(source)})`)
    checkNames('run()', options, callNames)
    await this.#traced({ verb: 'run', body: { source }, subject: { value: source, root: 'source' }, module: '', name: 'run' }, options)
  }

  async store (name: string, value: unknown): Promise<void> {
    refusePromises([value], () => 'value')
    await this.#traced({ verb: 'store', body: { name, value }, subject: { value, root: 'value' }, module: '', name })
  }

  async load (name: string): Promise<unknown> {
    return this.#traced({ verb: 'load', body: { name }, subject: { value: name, root: 'name' }, module: '', name })
  }

  close (options: { readonly force?: boolean | undefined } = {}): Promise<void> {
    if (options.force === true) {
      this.#abandon(() => closed('the worker was closed by force'))
      return this.#kill()
    }
    this.#closing ??= this.#closeInOrder()
    return this.#closing
  }

  async [Symbol.asyncDispose] (): Promise<void> { await this.close() }

  static {
    openData = worker => worker.#openData()
  }

  /** An exchange, with its marks on diagnostics_channel where somebody listens. */
  #traced (what: Exchange, options: CallOptions = {}): Promise<unknown> {
    const channel = tracedCalls()
    if (channel === undefined) return this.#exchange(what, options)
    const { verb, module, name } = what
    const { pid, threadId } = this.owner
    return channel.tracePromise(() => this.#exchange(what, options), { kind: this.#options.kind, verb, module, name, pid, threadId })
  }

  async #exchange (what: Exchange, { signal, timeoutMs }: CallOptions): Promise<unknown> {
    const deadlineMs = checkTimeout('timeoutMs', timeoutMs) ?? (timeoutMs === undefined ? this.#options.callTimeoutMs : undefined)
    signal?.throwIfAborted()
    if (this.#refusal !== undefined) throw endOf(callOf(what), this.#refusal())
    const mark = this.#host.output.mark()
    const { id, answer } = this.#peer.request(what.verb, what.body, what.subject)
    this.#enter()
    const watch = signal === undefined && deadlineMs === undefined ? undefined : this.#watch(what, id, signal, deadlineMs)
    try {
      const settled = await answer
      watch?.stop()
      if (watch?.first === 'aborted') throw signal!.reason
      if (settled.ok === true && watch?.first === undefined) {
        if (this.#host.output.isBehind) await this.#host.output.arrived()
        const value = arrive(settled.value)
        return value instanceof Promise ? await value : value
      }
      throw await this.#failure(what, settled, watch, mark)
    } finally {
      watch?.stop()
      this.#leave()
    }
  }

  #watch (what: Exchange, id: number, signal: AbortSignal | undefined, deadlineMs: number | undefined): Watch {
    return new Watch(signal, deadlineMs, {
      late: () => { this.#overdue(what, deadlineMs!) },
      aborted: () => { this.#peer.notify('cancel', { id, reason: encodeError(signal!.reason) }) },
      stuck: () => { void this.#kill(`${this.#host.title} was ended: ${what.name} went on after its abort`) }
    })
  }

  #openData (): DataChannel {
    if (this.#refusal !== undefined) throw this.#refusal()
    if (this.#data === undefined) {
      const { data, port } = this.#host.openData()
      this.#data = data
      this.#peer.notify('data', { port }, port === undefined ? [] : [port])
    }
    return this.#data
  }

  /** After resetForFork() here: it belongs to the owner that was. Nothing is awaited. */
  #drop (mode: 'drop' | 'forget'): number {
    const { pending } = this.#peer
    this.#abandon(() => new FsError('FORKFS_RESET', 'the worker was started before resetForFork(): start another'))
    if (mode === 'drop') void this.#kill()
    return pending
  }

  async #closeInOrder (): Promise<void> {
    this.#refusal ??= () => closed('the worker is closed, or closing')
    if (this.#under > 0) await new Promise<void>(resolve => { this.#idle = resolve })
    if (this.#gone) return
    this.#leaving = true
    this.#host.ref()
    this.#peer.notify('close')
    await this.#host.stop()
    this.#data?.close()
  }

  /** Why there is no value; a deadline may have come first. */
  async #failure (what: Exchange, answer: Answer, watch: Watch | undefined, mark: number): Promise<Error> {
    const call = callOf(what)
    if (answer.ok === false && answer.unread === true && await within(graceMs, this.#host.exited)) return endOf(call, this.#refusal!()) // it died over its answer
    await this.#host.output.arrived() // what was printed before the answer was sent
    const output = this.#host.output.since(mark)
    if (watch?.first === 'late') return attachOutput(new FsError('FORKFS_WORKER_TIMEOUT', watch.condition, { ...call, retry: 'may' }), output)
    return attachOutput(answer.ok === false ? decodeError(answer.error) : endOf(call, (answer as { lost: () => Error }).lost()), output)
  }

  /** A worker past a deadline is unsound: it ends, whatever else it was doing. */
  #overdue (what: Exchange, deadlineMs: number): void {
    const where = what.module === '' ? what.name : `${what.name}() of ${what.module}`
    void this.#kill(`${this.#host.title} was ended: ${where} took longer than ${deadlineMs} ms`)
    try { this.#options.onTimeout?.(what.module, what.name) } catch (error) { process.emitWarning(`onTimeout failed: ${String(error)}`, 'ForkfsWarning') }
  }

  /** By force. Calls under way are lost as soon as it is gone, or has had its time to go. */
  #kill (condition = 'the worker was closed by force'): Promise<void> {
    if (this.#killing !== undefined) return this.#killing
    if (this.#gone) return Promise.resolve()
    this.#loss ??= () => this.#died({ exitCode: null, signal: 'SIGKILL' }, condition)
    this.#refusal ??= this.#loss
    this.#host.ref()
    const gone = this.#host.kill()
    void within(killWaitMs, gone).then(() => { this.#peer.lose(this.#loss!) })
    this.#killing = gone.then(() => { this.#data?.close() })
    return this.#killing
  }

  #onExit (exit: Exit): void {
    const died = (): Error => this.#died(exit, `the ${this.#host.title} ${describeExit(exit)}`)
    this.#refusal ??= died
    if (this.#loss === undefined && !this.#leaving) void this.#host.kill() // unexpected: what it started goes with it
    this.#gone = true
    this.#peer.lose(this.#loss ?? died)
    this.#peer.channel.close()
    untrack(this.#tracked)
    releaseOwner(this.owner).catch(() => {}) // the next sweep tries again
  }

  /** Calls under way reject now, and later ones too. */
  #abandon (why: () => Error): void {
    this.#refusal ??= why
    this.#loss ??= why
    this.#peer.lose(why)
  }

  #died (exit: Exit, condition: string): WorkerDiedError {
    return new WorkerDiedError(condition, { exitCode: exit.exitCode, signal: exit.signal, stderr: this.#host.output.stderr, cause: exit.error })
  }

  #enter (): void {
    if (this.#under++ === 0) this.#host.ref()
  }

  #leave (): void {
    if (--this.#under > 0) return
    this.#idle?.()
    if (this.#killing === undefined) this.#host.unref()
  }
}

function closed (condition: string): FsError {
  return new FsError('FORKFS_WORKER_CLOSED', condition)
}

function callOf ({ verb, module, name }: Exchange): Call {
  if (verb === 'run') return { operation: verb }
  return { operation: verb, path: module === '' ? name : callPath(module, name) }
}

/** Deadline, abort and grace period of one call: what came first, and nothing left behind. */
class Watch {
  first: 'late' | 'aborted' | undefined
  condition = ''
  readonly #signal: AbortSignal | undefined
  readonly #onAbort: () => void
  #timer: NodeJS.Timeout | undefined

  constructor (signal: AbortSignal | undefined, deadlineMs: number | undefined, on: { late (): void, aborted (): void, stuck (): void }) {
    this.#signal = signal
    this.#onAbort = () => {
      if (this.first !== undefined) return
      this.first = 'aborted'
      clearTimeout(this.#timer)
      on.aborted()
      this.#timer = setTimeout(on.stuck, graceMs)
    }
    if (deadlineMs !== undefined) {
      this.#timer = setTimeout(() => {
        if (this.first !== undefined) return
        this.first = 'late'
        this.condition = `no answer after ${deadlineMs} ms; the worker was ended`
        on.late()
      }, deadlineMs)
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  stop (): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
