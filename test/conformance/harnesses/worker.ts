import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { decodeError } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'

/** Calls whose arguments and results are plain data. */
const plain: ReadonlySet<string> = new Set([
  'ls', 'info', 'exists', 'isFile', 'isDirectory', 'size', 'find', 'glob', 'du', 'expandPath', 'catFile', 'cat', 'catRanges', 'readText', 'head', 'tail', 'readBlock',
  'pipeFile', 'pipe', 'writeText', 'touch', 'get', 'put', 'cp', 'mv', 'rm', 'mkdir', 'makedirs', 'rmdir', 'checksum', 'sign', 'close'
])
/** Calls that give an iterator: what it yields comes in one go. */
const iterating: ReadonlySet<string> = new Set(['list', 'walk'])
/** What needs no I/O is asked of the instance here. */
const local: ReadonlySet<string> = new Set(['capabilities', 'protocol', 'normalize', 'url', '$forkfs', 'toJSON'])

export interface WorkerCall { readonly id: number, readonly fs: unknown, readonly verb: string, readonly iterate: boolean, readonly args: readonly unknown[] }
export interface WorkerAnswer { readonly id: number, readonly result?: unknown, readonly error?: unknown }

/** A worker thread that makes calls on filesystems which it builds from their descriptors. */
export class WorkerSide {
  readonly #modules: readonly string[]
  readonly #pending = new Map<number, { resolve: (result: unknown) => void, reject: (error: unknown) => void }>()
  #worker: Worker | undefined
  #last = 0

  constructor (modules: ReadonlyArray<string | URL>) {
    this.#modules = modules.map(String)
  }

  async standIn (fs: FileSystem): Promise<FileSystem> {
    const descriptor = structuredClone(fs) as unknown
    const call = (verb: string, args: readonly unknown[]): Promise<unknown> => this.#call({ fs: descriptor, verb, args, iterate: iterating.has(verb) })
    const proxy = new Proxy(fs, {
      get (target, name) {
        if (typeof name !== 'string' || name === 'then') return undefined
        if (plain.has(name)) return (...args: unknown[]) => call(name, args)
        if (iterating.has(name)) return (...args: unknown[]) => later(() => call(name, args) as Promise<unknown[]>)
        if (!local.has(name)) throw new Error(`fs.${name} needs the instance itself; write the case with here()`)
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
      }
    })
    return Promise.resolve(proxy)
  }

  async end (): Promise<void> { await this.#worker?.terminate() }

  #call (call: Omit<WorkerCall, 'id'>): Promise<unknown> {
    const worker = this.#worker ??= this.#start()
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      worker.postMessage({ id, ...call } satisfies WorkerCall)
    })
  }

  #start (): Worker {
    const worker = new Worker(new URL('./conformance-child.js', import.meta.url), { workerData: { modules: this.#modules } })
    worker.on('message', ({ id, result, error }: WorkerAnswer) => {
      const waiting = this.#pending.get(id)
      this.#pending.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(decodeError(error))
    })
    void once(worker, 'exit').then(() => { this.#fail(new Error('the worker ended')) }, (error: unknown) => { this.#fail(error) })
    return worker
  }

  #fail (error: unknown): void {
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}

async function * later (fetch: () => Promise<unknown[]>): AsyncGenerator<unknown, void, undefined> { yield* await fetch() }
