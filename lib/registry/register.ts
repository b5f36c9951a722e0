/**
 * `--import forkfs/register`: what arrives in this thread or process is revived by itself. `workerData`, and every message
 * that `parentPort` (on, once, addListener, prependListener, addEventListener, onmessage) and `process` deliver, have
 * their descriptors turned into live objects. forkfs itself is loaded when the first descriptor comes; unknown types and
 * broken descriptors are left as they are. Nothing here throws before the user's code runs.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import * as workerThreads from 'node:worker_threads'
import type { revive as Revive } from './revive.js'

type Listener = (...args: unknown[]) => unknown
type Port = Record<string, unknown>

const installed = Symbol.for('forkfs.register.v1')
/** Deep enough for messages of people; deeper ones are left to revive(), called by hand. */
const searchDepth = 12
const searchLimit = 100_000

/** Whether a descriptor is in it. Bounded: a huge message costs a bounded look. */
function mentions (value: unknown, depth: number, budget: { left: number }): boolean {
  if (typeof value !== 'object' || value === null || depth > searchDepth || budget.left-- <= 0) return false
  if (Array.isArray(value)) return value.some(entry => mentions(entry, depth + 1, budget))
  if (value instanceof Map) return [...value].some(([key, entry]) => mentions(key, depth + 1, budget) || mentions(entry, depth + 1, budget))
  if (value instanceof Set) return [...value].some(entry => mentions(entry, depth + 1, budget))
  if (ArrayBuffer.isView(value)) return false
  if (Object.hasOwn(value, '$forkfs')) return true
  for (const key of Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (property !== undefined && 'value' in property && mentions(property.value, depth + 1, budget)) return true
  }
  return false
}

let loaded: typeof Revive | undefined

function live (value: unknown): unknown {
  if (!mentions(value, 0, { left: searchLimit })) return value
  try {
    loaded ??= (createRequire(import.meta.url)('./revive.js') as { revive: typeof Revive }).revive
    return loaded(value, { allowModules: true }) as unknown
  } catch (error) {
    process.emitWarning(`forkfs/register left a descriptor as it came: ${error instanceof Error ? error.message : String(error)}`, 'ForkfsWarning')
    return value
  }
}

function patchWorkerData (): void {
  const threads = process.getBuiltinModule('node:worker_threads') as { workerData: unknown }
  const data = threads.workerData
  const revived = live(data)
  if (revived === data) return
  threads.workerData = revived
  syncBuiltinESMExports()
}

/** Wrap the listeners that a port is given, and remember them so that they can be taken off again. */
function patchPort (port: Port): void {
  const wrappers = new WeakMap<object, Listener>()
  const wrap = (listener: unknown, convert: (argument: unknown) => unknown): unknown => {
    if (typeof listener !== 'function' && (typeof listener !== 'object' || listener === null)) return listener
    let wrapper = wrappers.get(listener)
    if (wrapper === undefined) {
      wrapper = function (this: unknown, argument: unknown, ...rest: unknown[]): unknown {
        const converted = convert(argument)
        return typeof listener === 'function' ? (listener as Listener).call(this, converted, ...rest) : (listener as { handleEvent: Listener }).handleEvent(converted, ...rest)
      }
      wrappers.set(listener, wrapper)
    }
    return wrapper
  }
  const event = (argument: unknown): unknown => {
    const { data } = argument as { data: unknown }
    const revived = live(data)
    if (revived !== data) Object.defineProperty(argument, 'data', { value: revived, configurable: true })
    return argument
  }
  const patch = (name: string, convert: (argument: unknown) => unknown): void => {
    const original = port[name]
    if (typeof original !== 'function') return
    Object.defineProperty(port, name, { configurable: true, writable: true, value (this: unknown, type: unknown, listener: unknown, ...rest: unknown[]): unknown {
      return (original as Listener).call(port, type, type === 'message' ? wrap(listener, convert) : listener, ...rest)
    } })
  }
  const unpatch = (name: string): void => {
    const original = port[name]
    if (typeof original !== 'function') return
    Object.defineProperty(port, name, { configurable: true, writable: true, value (this: unknown, type: unknown, listener: unknown, ...rest: unknown[]): unknown {
      return (original as Listener).call(port, type, wrappers.get(listener as object) ?? listener, ...rest)
    } })
  }
  for (const name of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']) patch(name, live)
  patch('addEventListener', event)
  for (const name of ['off', 'removeListener', 'removeEventListener']) unpatch(name)
  patchOnmessage(port, event)
}

function patchOnmessage (port: Port, event: (argument: unknown) => unknown): void {
  let own: unknown = null
  const prototype = Object.getPrototypeOf(port) as object
  const inherited = Object.getOwnPropertyDescriptor(port, 'onmessage') ?? Object.getOwnPropertyDescriptor(prototype, 'onmessage')
  if (inherited?.set === undefined) return
  const set = (value: unknown): void => { inherited.set!.call(port, value) }
  Object.defineProperty(port, 'onmessage', {
    configurable: true,
    enumerable: true,
    get: () => own,
    set (listener: unknown) {
      own = listener
      set(typeof listener === 'function' ? (argument: unknown) => (listener as Listener).call(port, event(argument)) : listener)
    }
  })
}

/** All of on, once, addListener and events.once() end in emit(): one place. */
function patchProcess (): void {
  if (typeof process.send !== 'function') return
  const emit = process.emit as (...args: unknown[]) => boolean
  const patched = function (this: unknown, name: unknown, ...args: unknown[]): boolean {
    if (name === 'message') args[0] = live(args[0])
    return emit.call(process, name, ...args)
  }
  Object.defineProperty(process, 'emit', { configurable: true, writable: true, value: patched })
}

function install (): void {
  const holder = globalThis as unknown as Record<symbol, boolean | undefined>
  if (holder[installed] === true) return
  Object.defineProperty(globalThis, installed, { value: true })
  if (!workerThreads.isMainThread) {
    patchWorkerData()
    if (workerThreads.parentPort !== null) patchPort(workerThreads.parentPort as unknown as Port)
  }
  patchProcess()
}

try {
  install()
} catch (error) {
  process.emitWarning(`forkfs/register is not active: ${error instanceof Error ? error.message : String(error)}`, 'ForkfsWarning')
}
