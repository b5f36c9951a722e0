import { createRequire } from 'node:module'
import { join } from 'node:path'
import { constants, createContext, Script } from 'node:vm'
import type { Context } from 'node:vm'
import { FsError } from '../errors/index.js'

/** Globals of Node that a fresh context lacks. Not enumerable: a namespace shows what its user put there. */
const hostNames = [
  'AbortController', 'AbortSignal', 'Blob', 'Buffer', 'Event', 'EventTarget', 'FormData', 'Headers', 'MessageChannel', 'Request', 'Response', 'TextDecoder',
  'TextEncoder', 'URL', 'URLSearchParams', 'clearImmediate', 'clearInterval', 'clearTimeout', 'console', 'crypto', 'fetch', 'performance', 'process',
  'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'
]

/** The variables that run(), store() and load() of one worker share. A realm of its own: compare its errors by name, not by class. */
export class Namespace {
  #context: Context | undefined

  /** The value of a promise that the source ends in is awaited, so that its failure is the run's failure. */
  async run (source: string): Promise<void> {
    await new Script(source, { filename: 'run()', importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }).runInContext(this.#open())
  }

  store (name: string, value: unknown): void {
    this.#open()[identifier(name)] = value
  }

  /** Also what `let`, `const` and `class` declared. @throws a ReferenceError of the namespace */
  load (name: string): unknown {
    return new Script(identifier(name)).runInContext(this.#open()) as unknown
  }

  #open (): Context {
    if (this.#context !== undefined) return this.#context
    const context = createContext({})
    for (const name of hostNames) {
      Object.defineProperty(context, name, {
        get: () => (globalThis as unknown as Record<string, unknown>)[name],
        set (value) { show(context, name, value) },
        configurable: true
      })
    }
    Object.defineProperty(context, 'require', { value: createRequire(join(process.cwd(), 'run.js')), writable: true, configurable: true })
    this.#context = context
    return context
  }
}

function show (context: Context, name: string, value: unknown): void {
  Object.defineProperty(context, name, { value, writable: true, enumerable: true, configurable: true })
}

function identifier (name: string): string {
  if (/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(name)) return name
  throw new FsError('EINVAL', `Expected the name of a variable, got \`${name}\``, { operation: 'store' })
}
