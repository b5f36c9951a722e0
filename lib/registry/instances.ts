import { FsError, isRecord, kindOf } from '../errors/index.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import { withheld } from '../filesystem/descriptor.js'
import type { Withheld } from '../filesystem/descriptor.js'
import { canonical, isPlain, resolveOptions } from '../filesystem/options.js'
import { onReset } from '../owner/index.js'
import { checkPlaces, configuredOptions, configVersion, originOf } from './config.js'
import { implementationOf } from './protocols.js'
import type { Implementation } from './protocols.js'

/** Instances kept at once; the least recently used leaves, unclosed: whoever holds it goes on using it. */
const capacity = 256
const aliasCapacity = 4096

interface Cached { readonly key: string, readonly instance: FileSystem, used: number }
interface Recent { readonly type: Implementation, readonly options: unknown, readonly entry: Cached }

/** Canonical text of class and resolved options -> instance. The texts hold secrets and stay here. */
const instances = new Map<string, Cached>()
/** The same by the options as they were written: the hot path neither merges nor checks them again. */
const aliases = new Map<string, Cached>()
/** The last hit of each protocol, with a copy of its options: most programs ask for the same again, and comparing is cheaper than a key. */
const recent = new Map<string, Recent>()
let aliasVersion = 0
let clock = 0
const classes = new WeakMap<Implementation, number>()
let lastClass = 0

onReset(() => {
  const count = instances.size
  instances.clear()
  aliases.clear()
  recent.clear()
  return { instances: count }
})

function classNumber (type: Implementation): number {
  let number = classes.get(type)
  if (number === undefined) {
    number = ++lastClass
    classes.set(type, number)
  }
  return number
}

function touch (entry: Cached): Cached {
  entry.used = ++clock
  return entry
}

const construct = (type: Implementation, options: object): FileSystem => new type(options as never)

/** Plain data copied, everything else as it is: what sameOptions() compares with, whatever the caller changes later. */
function copyOfOptions (value: unknown): unknown {
  if (!isRecord(value) || !isPlain(value)) return value
  const copy = Object.create(null) as Record<string, unknown>
  for (const name of Object.keys(value)) copy[name] = copyOfOptions(value[name])
  return copy
}

/** Equal in meaning for certain; where it says no, the canonical key decides. */
function sameOptions (copy: unknown, value: unknown): boolean {
  if (copy === value) return !Array.isArray(value) // a list may have changed since
  if (typeof copy !== 'object' || typeof value !== 'object' || copy === null || value === null) return false
  if (Object.getPrototypeOf(copy) !== null || !isPlain(value)) return false // opaque objects are told apart by identity
  let left = 0
  for (const name in copy) {
    if (!sameOptions((copy as Record<string, unknown>)[name], (value as Record<string, unknown>)[name])) return false
    left++
  }
  for (const _name in value) left--
  return left === 0
}

/** Options that were given: undefined is as good as absent. */
function given (options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const name of Object.keys(options)) if (options[name] !== undefined) result[name] = options[name]
  return result
}

/** The cached instance for options that are final (configuration merged in, or from a descriptor). */
export function instanceFor (type: Implementation, options: Readonly<Record<string, unknown>>, kept?: Withheld): Cached {
  const { fresh: _fresh, ...resolved } = resolveOptions(type.protocols[0] ?? type.name, options, type.options)
  const key = `${classNumber(type)}\n${canonical(resolved)}\n${canonical(kept)}`
  const found = instances.get(key)
  if (found !== undefined) return touch(found)
  const instance = construct(type, kept === undefined ? options : { ...options, [withheld]: kept })
  const entry: Cached = touch({ key, instance, used: 0 })
  instances.set(key, entry)
  if (instances.size > capacity) forgetOldest()
  return entry
}

function forgetOldest (): void {
  let oldest: Cached | undefined
  for (const entry of instances.values()) if (oldest === undefined || entry.used < oldest.used) oldest = entry
  if (oldest !== undefined) forget(oldest.key)
}

function forget (key: string): void {
  instances.delete(key)
  for (const [protocol, { entry }] of recent) if (entry.key === key) recent.delete(protocol)
  for (const [alias, entry] of aliases) if (entry.key === key) aliases.delete(alias)
}

/** A default that is refused is the fault of the place that set it, not of the call. */
function explained<T> (type: Implementation, explicit: Readonly<Record<string, unknown>>, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    for (const [, name] of error.message.matchAll(/`(\w+)/g)) {
      const origin = Object.hasOwn(explicit, name!) ? undefined : originOf(type, name!)
      if (origin !== undefined) throw new FsError('FORKFS_CONFIG', `${origin}: ${error.message}`, { protocol: type.protocols[0], cause: error })
    }
    throw error
  }
}

/**
 * The instance for a protocol and its options: the same object for the same options in the same owner and epoch, whatever
 * the order of keys, explicit defaults included. `{ fresh: true }` gives a new, uncached one. Never talks to the store.
 * @throws TypeError for unknown or malformed options; FsError FORKFS_UNKNOWN_PROTOCOL, FORKFS_NOT_LOADED, FORKFS_CONFIG
 */
export function filesystem (protocol: string, options: Readonly<Record<string, unknown>> = {}): FileSystem {
  if (aliasVersion !== configVersion()) {
    aliases.clear()
    recent.clear()
    aliasVersion = configVersion()
  }
  const type = implementationOf(protocol)
  const last = recent.get(protocol)
  if (last !== undefined && last.type === type && sameOptions(last.options, options)) return touch(last.entry).instance
  const alias = `${classNumber(type)} ${canonical(options)}`
  const hit = aliases.get(alias)
  if (hit !== undefined) {
    recent.set(protocol, { type, options: copyOfOptions(options), entry: hit })
    return touch(hit).instance
  }
  if (!isRecord(options)) throw new TypeError(`Expected the options of ${protocol} to be an object, got (${kindOf(options)})`)
  checkPlaces(type, options, `filesystem('${protocol}', …)`)
  const explicit = given(options)
  const merged = { ...configuredOptions(type), ...explicit }
  if (merged['fresh'] === true) return explained(type, explicit, () => construct(type, merged))
  const entry = explained(type, explicit, () => instanceFor(type, merged))
  if (aliases.size >= aliasCapacity) aliases.clear()
  aliases.set(alias, entry)
  return entry.instance
}

/** Close and forget the cached instances of this owner (of one protocol, or of all). Who still holds one may go on using it. */
export async function clearInstanceCache (protocol?: string): Promise<void> {
  const type = protocol === undefined ? undefined : implementationOf(protocol)
  const gone = [...instances.values()].filter(({ instance }) => type === undefined || instance instanceof type)
  for (const { key } of gone) forget(key)
  await Promise.all(gone.map(({ instance }) => instance.close()))
}

/** How many instances the cache of this owner holds. */
export function cachedInstances (): number { return instances.size }
