import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { decodeError, encodeError } from '../errors/codec.js'
import { currentOwner } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { arrive } from './arrive.js'
import type { Channel } from './channel.js'
import { workersRealm } from './context.js'
import type { DataChannel } from './data-channel.js'
import type { BootstrapFailure } from './errors.js'
import { Namespace } from './namespace.js'
import { printedVerb } from './envelope.js'
import { Peer } from './peer.js'
import { isThenable } from './serialize.js'
import { SharingServer } from './sharing.js'
import type { ProbeBody, ShareBody } from './sharing.js'

export interface StartBody { readonly init: string | undefined, readonly workerData: unknown, readonly share: number }
/** How the start ended. */
export type StartReport =
  | { readonly owner: OwnerTag }
  | { readonly failure: BootstrapFailure, readonly error: unknown }
/** A worker's question; `from` is the worker that asked first. */
export interface AskBody { readonly service: string, readonly payload: unknown, readonly from: OwnerTag }
export type CallBody = readonly [module: string, name: string, args: readonly unknown[]]

/** What differs between thread, process and this thread. */
export interface ServerHost {
  openData (port: unknown): DataChannel | Promise<DataChannel>
  /** The parent asks for the end (politely), or is gone. */
  leave (polite: boolean): void
  /** Resolves when what was printed has left: an error is to arrive after it. */
  printed? (): Promise<void>
  /** Whether something was printed since this was asked last. */
  hasPrinted? (): boolean
  /** There are so many workers of its kind: limits of an instance are divided among them. */
  divide? (workers: number): void
}

type Module = Readonly<Record<string, unknown>>

class ActiveCall {
  readonly #server: WorkerServer
  #controller: AbortController | undefined

  constructor (server: WorkerServer) { this.#server = server }

  get signal (): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /** Also when nobody asked for the signal yet: it is aborted when somebody does. */
  abort (reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  openData (): Promise<DataChannel> { return this.#server.openData() }
}

/** The worker's end of a channel: runs what the parent asks for. */
export class WorkerServer {
  readonly #host: ServerHost
  readonly #peer: Peer
  readonly #calls = new Map<number, ActiveCall>()
  readonly #modules = new Map<string, Module | Promise<Module>>()
  readonly #namespace = new Namespace()
  readonly #sharing: SharingServer
  #data: Promise<DataChannel> | undefined
  #settleData: ((data: DataChannel | Promise<DataChannel>) => void) | undefined

  constructor (channel: Channel, host: ServerHost) {
    this.#host = host
    this.#sharing = new SharingServer(channel)
    this.#peer = new Peer(channel, {
      request: (verb, body, id) => this.#serve(verb, body, id),
      notice: (verb, body) => { this.#notice(verb, body) },
      close: () => { host.leave(false) }
    })
  }

  /** Ask the parent; see context.ts. */
  async ask (body: AskBody): Promise<unknown> {
    const { payload } = body
    const answer = await this.#peer.request('ask', body, { value: payload, root: 'payload' }).answer
    if (answer.ok === true) return answer.value
    throw answer.ok === false ? decodeError(answer.error) : answer.lost()
  }

  /** Resolves when the parent has opened its end. */
  openData (): Promise<DataChannel> {
    this.#data ??= new Promise(resolve => { this.#settleData = resolve })
    return this.#data
  }

  #serve (verb: string, body: unknown, id: number): unknown {
    switch (verb) {
      case 'probe': return this.#sharing.probe(body as ProbeBody)
      case 'start': return this.#start(body as StartBody)
      case 'call': return this.#inCall(id, call => this.#call(body as CallBody, call))
      case 'run': return this.#inCall(id, call => workersRealm().calls.run(call, () => this.#namespace.run((body as { source: string }).source)))
      case 'store': return this.#store(body as { name: string, value: unknown })
      case 'load': return this.#namespace.load((body as { name: string }).name)
      default: throw new TypeError(`Expected a verb of forkfs workers, got \`${verb}\`: do parent and worker run the same version?`)
    }
  }

  #notice (verb: string, body: unknown): void {
    if (verb === 'cancel') {
      const { id, reason } = body as { id: number, reason: unknown }
      this.#calls.get(id)?.abort(decodeReason(reason))
    } else if (verb === 'data') {
      const data = this.#host.openData((body as { port: unknown }).port)
      if (this.#data === undefined) this.#data = Promise.resolve(data)
      else this.#settleData?.(data)
    } else if (verb === 'share') {
      this.#sharing.share(body as ShareBody)
    } else if (verb === 'close') {
      void this.#peer.channel.flush().then(() => { this.#host.leave(true) })
    }
  }

  async #start ({ init, workerData, share }: StartBody): Promise<StartReport> {
    this.#host.divide?.(share)
    let failure: BootstrapFailure = 'import'
    try {
      if (init !== undefined) {
        const module = await this.#import(init)
        failure = 'init'
        if (typeof module.default === 'function') await (module.default as (data: unknown) => unknown)(await arrive(workerData))
      }
      return { owner: currentOwner() }
    } catch (error) {
      return { failure, error: encodeError(error) }
    }
  }

  /** Until it ends, the call can be cancelled. */
  #inCall (id: number, fn: (call: ActiveCall) => unknown): unknown {
    const call = new ActiveCall(this)
    let result: unknown
    try {
      result = fn(call)
      if (!isThenable(result)) return this.#host.hasPrinted?.() === true ? this.#behindOutput(result) : result
    } catch (error) {
      result = Promise.reject(error as Error)
    }
    this.#calls.set(id, call)
    return this.#underWay(id, result)
  }

  /** The parent reads what was printed before it takes the answer: else it would belong to the next call. */
  async #behindOutput (value: unknown): Promise<unknown> {
    await this.#host.printed?.()
    this.#peer.notify(printedVerb)
    return value
  }

  async #underWay (id: number, result: unknown): Promise<unknown> {
    try {
      const value = await result
      return this.#host.hasPrinted?.() === true ? await this.#behindOutput(value) : value
    } catch (error) {
      await this.#host.printed?.()
      throw error
    } finally {
      this.#calls.delete(id)
    }
  }

  /** Without a promise in between where module and arguments are ready: calls begin in the order in which they came. */
  #call ([module, name, args]: CallBody, call: ActiveCall): unknown {
    const loaded = this.#modules.get(module) ?? this.#import(module)
    // After the module: it may bring the types of what it takes (a Checkpoint).
    const live = (loaded instanceof Promise ? loaded.then(() => arrive(args)) : arrive(args)) as readonly unknown[] | Promise<readonly unknown[]>
    const begin = (exports: Module, values: readonly unknown[]): unknown => {
      const fn = Object.hasOwn(exports, name) ? exports[name] : undefined
      if (typeof fn !== 'function') throw new TypeError(`Expected \`${name}\` to be a function that ${module} exports, got ${typeof fn}`)
      return workersRealm().calls.run(call, () => (fn as (...values: readonly unknown[]) => unknown)(...values))
    }
    if (loaded instanceof Promise || live instanceof Promise) return Promise.all([loaded, live]).then(([exports, values]) => begin(exports, values))
    return begin(loaded, live)
  }

  async #store ({ name, value }: { name: string, value: unknown }): Promise<void> {
    this.#namespace.store(name, await arrive(value))
  }

  /** Imported once; one that failed is tried again by the next call. */
  #import (specifier: string): Promise<Module> {
    const brought = workersRealm().modules.get(specifier)
    const loading = brought === undefined ? importModule(specifier) : Promise.resolve(brought)
    this.#modules.set(specifier, loading)
    loading.then(module => this.#modules.set(specifier, module), () => this.#modules.delete(specifier))
    return loading
  }
}

/** Package names are looked up from here first, then from the working directory: the application's packages need not be ours. */
async function importModule (specifier: string): Promise<Module> {
  try {
    return await import(/* webpackIgnore: true */ specifier) as Module
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code
    if (code !== 'ERR_MODULE_NOT_FOUND' || /^[a-z]+:/i.test(specifier)) throw error
    let found: string
    try {
      const { createRequire } = process.getBuiltinModule('node:module') // bundlers take an imported one for theirs
      found = createRequire(join(process.cwd(), 'index.js')).resolve(specifier)
    } catch {
      throw error
    }
    return await import(/* webpackIgnore: true */ pathToFileURL(found).href) as Module
  }
}

/** What AbortController itself would say, where the reason could not be sent. */
function decodeReason (reason: unknown): unknown {
  return reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : decodeError(reason)
}
