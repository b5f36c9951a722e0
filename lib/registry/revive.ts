import { FsError, isFsError, isRecord } from '../errors/index.js'
import { isFileSystem } from '../filesystem/filesystem.js'
import { Mapper } from '../filesystem/mapper.js'
import type { Withheld } from '../filesystem/descriptor.js'
import { instanceFor } from './instances.js'
import { implementationOf } from './protocols.js'
import { requireSystem } from './systems.js'
import { checkAllowed } from './url.js'

export interface ReviveOptions {
  /** Refuse descriptors of other protocols (FORKFS_NOT_ALLOWED). */
  readonly allowedProtocols?: readonly string[] | undefined
  /** Let a descriptor name a module that is imported here (`credentialsModule`). @defaultValue false */
  readonly allowModules?: boolean | undefined
}

/** Deeper values than this come from nobody's data: a hostile message must not end the stack. */
const maxDepth = 200

function malformed (what: string, cause?: unknown): FsError {
  return new FsError('FORKFS_DESCRIPTOR', `a descriptor ${what}`, { cause })
}

/** How one type of descriptor becomes live; `live` revives what it contains. */
type Reviver = (body: Readonly<Record<string, unknown>>, options: ReviveOptions, live: (value: unknown) => unknown) => unknown

const revivers = new Map<string, Reviver>([
  ['mapper', (body, _options, live) => {
    const fs = live(body['fs'])
    if (!isFileSystem(fs) || typeof body['root'] !== 'string') throw malformed('of a mapper needs `fs` and `root`')
    return new Mapper(fs, body['root'])
  }]
])

/** For the systems above: a type of descriptor of their own. */
export function registerReviver (type: string, reviver: Reviver): void { revivers.set(type, reviver) }

function reviveFileSystem (type: string, body: Readonly<Record<string, unknown>>, options: ReviveOptions): unknown {
  const { options: given = {}, withheld: kept } = body
  if (!isRecord(given) || (kept !== undefined && !isRecord(kept))) throw malformed('needs plain `options`')
  checkAllowed(type, options.allowedProtocols)
  if (given['credentialsModule'] !== undefined && options.allowModules !== true) {
    throw new FsError('FORKFS_NOT_ALLOWED', 'the descriptor names a module with credentials; pass { allowModules: true } where its sender is trusted', { protocol: type })
  }
  try {
    return instanceFor(implementationOf(type), { ...given, fresh: undefined }, kept as Withheld | undefined).instance
  } catch (error) {
    if (isFsError(error)) throw error
    throw malformed(`of '${type}' has options that are refused: ${error instanceof Error ? error.message : ''}`, error)
  }
}

function reviveDescriptor (body: unknown, options: ReviveOptions, live: (value: unknown) => unknown): unknown {
  if (!isRecord(body)) throw malformed('must be an object under `$forkfs`')
  const { v, type } = body
  if (v !== 1) throw malformed(`has version ${String(v).slice(0, 20)}; this copy of forkfs reads version 1`)
  if (typeof type !== 'string' || type === '') throw malformed('has no type')
  if (!revivers.has(type)) requireSystem(type, () => revivers.has(type))
  const reviver = revivers.get(type)
  return reviver === undefined ? reviveFileSystem(type, body, options) : reviver(body, options, live)
}

/** Whether anything in it is a descriptor: decides without loading or building anything. */
export function hasDescriptor (value: unknown): boolean {
  let found = false
  walk(value, 0, new Set(), () => { found = true; return undefined })
  return found
}

/** What a reviver made carries this on its prototype, where no message can put it. */
const liveBrand = Symbol.for('forkfs.live.v1')
function isLive (value: object): boolean { return (value as Record<symbol, unknown>)[liveBrand] === true }

type Replace = (body: unknown) => unknown

/** Own enumerable data property, without running a getter. */
function ownValue (holder: object, key: string): unknown {
  const property = Object.getOwnPropertyDescriptor(holder, key)
  return property !== undefined && 'value' in property ? property.value : undefined
}

/** Plain data by its tag (cloned objects have foreign prototypes under vm-based test runners); descriptors are replaced, containers changed in place. */
function walk (value: unknown, depth: number, seen: Set<object>, replace: Replace): unknown {
  if (typeof value !== 'object' || value === null || isFileSystem(value) || value instanceof Mapper) return value
  if (depth > maxDepth) throw malformed(`lies deeper than ${maxDepth} levels, or the data around it does`)
  const { types } = process.getBuiltinModule('node:util')
  if (Array.isArray(value)) {
    if (seen.has(value)) return value
    seen.add(value)
    for (let index = 0; index < value.length; index++) {
      const before: unknown = value[index]
      if (typeof before !== 'object' || before === null) continue
      const after = walk(before, depth + 1, seen, replace)
      if (after !== before) value[index] = after
    }
    return value
  }
  if (types.isMap(value)) {
    if (seen.has(value)) return value
    seen.add(value)
    for (const [key, before] of [...value]) {
      const after = walk(before, depth + 1, seen, replace)
      const newKey = walk(key, depth + 1, seen, replace)
      if (newKey !== key) value.delete(key)
      if (newKey !== key || after !== before) value.set(newKey, after)
    }
    return value
  }
  if (types.isSet(value)) {
    if (seen.has(value)) return value
    seen.add(value)
    const members = [...value].map(member => walk(member, depth + 1, seen, replace))
    value.clear()
    for (const member of members) value.add(member)
    return value
  }
  if (Object.prototype.toString.call(value) !== '[object Object]' || types.isProxy(value)) return value
  if (Object.hasOwn(value, '$forkfs')) return isLive(value) ? value : replace(ownValue(value, '$forkfs')) ?? value
  if (seen.has(value)) return value
  seen.add(value)
  for (const key of Object.keys(value)) {
    const before = ownValue(value, key)
    if (typeof before !== 'object' || before === null) continue
    const after = walk(before, depth + 1, seen, replace)
    if (after !== before) (value as Record<string, unknown>)[key] = after
  }
  return value
}

/**
 * Turn descriptors (also nested in objects, arrays, Maps, Sets) back into live objects of this owner, through the instance
 * cache. Containers are changed in place. Only for what your own processes sent: a descriptor chooses endpoints.
 * `credentialsModule` is imported only with allowModules (set by forkfs/register, startWorker, pools and DataLoader); forkfs/checkpoint and
 * forkfs/memmap when the first of theirs comes, synchronously, once.
 * @throws FsError FORKFS_DESCRIPTOR · FORKFS_UNKNOWN_PROTOCOL · FORKFS_NOT_ALLOWED · FORKFS_NOT_LOADED (a bundle that lacks forkfs/checkpoint or
 *   forkfs/memmap); no other module is imported, and nothing executed
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the type of what arrives is the sender's
export function revive<T> (value: T, options: ReviveOptions = {}): any {
  const live = (part: unknown): unknown => walk(part, 0, new Set(), body => reviveDescriptor(body, options, live))
  return live(value)
}

/** Wrap a task of any pool (piscina, tinypool, workerpool, jest-worker) so that descriptors in its arguments arrive live. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any function: its own types are kept
export function reviving<F extends (...args: any[]) => unknown> (task: F): F {
  if (typeof task !== 'function') throw new TypeError(`Expected the task to be a function, got (${typeof task})`)
  const wrapped = function (this: unknown, ...args: unknown[]): unknown {
    return task.apply(this, args.map(argument => revive(argument) as unknown))
  }
  return Object.defineProperty(wrapped, 'name', { value: task.name, configurable: true }) as unknown as F
}
