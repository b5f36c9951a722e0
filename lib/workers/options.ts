import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkNames } from '../errors/index.js'
import { resolveSharing } from './sharing.js'
import type { ResolvedSharing } from './sharing.js'
import type { CallOptions, PoolCallOptions, RemoteWorkerOptions, WorkerKind } from './types.js'

export interface ResolvedWorkerOptions {
  readonly kind: WorkerKind
  /** A specifier that `import()` takes in the worker. */
  readonly init: string | undefined
  readonly workerData: unknown
  readonly env: Readonly<Record<string, string>> | undefined
  readonly execArgv: readonly string[] | undefined
  readonly onTimeout: ((module: string, name: string) => void) | undefined
  /** Undefined: large arrays are copied. */
  readonly sharing: ResolvedSharing | undefined
  readonly bootstrapTimeoutMs: number
  readonly callTimeoutMs: number | undefined
  readonly resourceLimits: RemoteWorkerOptions['resourceLimits']
  readonly entry: URL
}

const known: ReadonlySet<string> = new Set<keyof RemoteWorkerOptions>([
  'kind', 'init', 'workerData', 'env', 'execArgv', 'onTimeout', 'sharing', 'bootstrapTimeoutMs', 'callTimeoutMs', 'resourceLimits', 'workerUrl'
])
const kinds: readonly string[] = ['thread', 'process', 'in-process'] satisfies readonly WorkerKind[]

/** Longer ones would fire at once: Node's timers take 31 bits. */
const maxTimeoutMs = 2_147_483_647

function wrong (name: string, expected: string, value: unknown): TypeError {
  return new TypeError(`Expected \`${name}\` to be ${expected}, got \`${typeof value === 'object' ? Object.prototype.toString.call(value) : String(value)}\` (${typeof value})`)
}

/** @throws TypeError, RangeError */
export function checkTimeout (name: string, value: unknown): number | undefined {
  if (value === undefined || value === Infinity) return undefined
  if (typeof value !== 'number') throw wrong(name, 'a number of milliseconds > 0', value)
  if (!(value > 0)) throw new RangeError(`Expected \`${name}\` to be a number of milliseconds > 0, got \`${value}\` (number)`)
  return Math.min(value, maxTimeoutMs)
}

/** @throws TypeError for a relative path: nobody knows what it is relative to. */
export function moduleSpecifier (name: string, module: unknown): string {
  if (module instanceof URL) return module.href
  if (typeof module !== 'string' || module === '') throw wrong(name, 'a URL, an absolute path or a package name', module)
  if (isAbsolute(module)) return pathToFileURL(module).href
  if (/^\.{1,2}(\/|\\|$)/.test(module)) {
    throw new TypeError(`Expected \`${name}\` to be a URL, an absolute path or a package name, got the relative path \`${module}\`: pass new URL('${module}', import.meta.url)`)
  }
  return module
}

export const callNames: ReadonlySet<string> = new Set(['signal', 'timeoutMs'] satisfies ReadonlyArray<keyof CallOptions>)
export const poolCallNames: ReadonlySet<string> = new Set([...callNames, 'retries' satisfies keyof PoolCallOptions])

function checkStrings (name: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'object' || value === null || !Object.values(value).every(item => typeof item === 'string')) throw wrong(name, 'strings', value)
}

/** @throws TypeError for what is no file */
export function entryUrl (workerUrl: string | URL | undefined): URL {
  if (workerUrl === undefined) return new URL(/* webpackIgnore: true */ './bootstrap.js', import.meta.url)
  const url = new URL(moduleSpecifier('workerUrl', workerUrl))
  if (url.protocol !== 'file:') throw wrong('workerUrl', 'a file URL or an absolute path: threads take nothing else', url.href)
  return url
}

/** Checked, with defaults filled in; what is unknown or malformed is a TypeError or RangeError. */
export function resolveOptions (options: RemoteWorkerOptions, more: readonly string[] = []): ResolvedWorkerOptions {
  checkNames('workers', options, known, more)
  const { kind = 'thread', init, env, execArgv, onTimeout, resourceLimits } = options
  if (!kinds.includes(kind)) throw wrong('kind', kinds.map(item => `'${item}'`).join(' or '), kind)
  checkStrings('env', env)
  checkStrings('execArgv', execArgv)
  if (onTimeout !== undefined && typeof onTimeout !== 'function') throw wrong('onTimeout', 'a function', onTimeout)
  return {
    kind,
    init: init === undefined ? undefined : moduleSpecifier('init', init),
    workerData: options.workerData,
    env,
    execArgv,
    onTimeout,
    sharing: resolveSharing(options.sharing),
    bootstrapTimeoutMs: checkTimeout('bootstrapTimeoutMs', options.bootstrapTimeoutMs) ?? (options.bootstrapTimeoutMs === Infinity ? maxTimeoutMs : 30_000),
    callTimeoutMs: checkTimeout('callTimeoutMs', options.callTimeoutMs),
    resourceLimits,
    entry: entryUrl(options.workerUrl)
  }
}
