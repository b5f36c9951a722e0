import { isObject } from './arguments.js'
import { FsError, isFsError } from './fs-error.js'
import type { ErrorCode, Retry } from './fs-error.js'

/** What errors thrown in a worker carry besides their own class and fields. */
export interface RemoteErrorFields {
  /** The stack where the error was thrown; `stack` is the one of the place where it arrived. */
  readonly remoteStack?: string | undefined
  /** What the worker printed during the call, at most 64 KiB. */
  readonly output?: string | undefined
}

/** How one class of errors crosses a channel; see {@link registerErrorClass}. */
export interface ErrorClass {
  /** Whether an error whose constructor has the name really is one. @defaultValue always */
  readonly matches?: ((error: object) => boolean) | undefined
  /** Own properties that are not enumerable and travel nevertheless. */
  readonly hidden?: readonly string[] | undefined
  /** A fresh instance. Message, name, fields and cause are set afterwards; `fields` is there for constructors that need some. */
  readonly create: (message: string, fields: Readonly<Record<string, unknown>>, name: string) => Error
}

/** Plain data: what JSON and structured clone both keep. `$t` marks values that JSON does not know. */
type Encoded = null | boolean | number | string | readonly Encoded[] | { readonly [key: string]: Encoded }
type Fields = Record<string, unknown>

/** Not imported: from Node 22 on that reads getters of the module which load the network. */
const { types } = process.getBuiltinModule('node:util')

const maxText = 65_536
const maxTotal = 1_048_576
const maxCauses = 8
const maxErrors = 64
const maxFields = 64
const maxDepth = 6
const maxNodes = 2000

/** Carried apart from the fields. */
const reserved = new Set(['name', 'message', 'stack', 'cause', 'remoteStack', 'output', '__proto__'])

/** Stands for what a getter refused to give; a symbol, so it is left out like any other. */
const unreadable = Symbol('unreadable')
const prototypeKey = new Set(['__proto__'])

const text = (value: unknown): string | undefined => typeof value === 'string' ? value : undefined
const status = (value: unknown): number | undefined => typeof value === 'number' ? value : undefined

const classes = new Map<string, ErrorClass>([
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]
    .map(type => [type.name, { create: (message: string) => new type(message) }] as const),
  ['AggregateError', { hidden: ['errors'], create: message => new AggregateError([], message) }],
  ['DOMException', { create: (message, _fields, name) => new DOMException(message, name) }],
  ['FsError', {
    matches: error => isFsError(error),
    hidden: ['condition'],
    create: (message, fields) => new FsError(fields.code as ErrorCode, text(fields.condition) ?? message, {
      operation: text(fields.operation),
      path: text(fields.path),
      protocol: text(fields.protocol),
      retry: text(fields.retry) as Retry | undefined,
      status: status(fields.status),
      requestId: text(fields.requestId)
    })
  }]
])

/** Let errors of a class of ours arrive as that class. The name is the constructor's; registering it again replaces it. */
export function registerErrorClass (name: string, type: ErrorClass): void {
  classes.set(name, type)
}

// ---------------------------------------------------------------------------------------------------------------- encode

/** What one error may use in all: hostile or huge input ends in a shorter error, never in none. */
interface Budget { text: number, nodes: number, readonly path: Set<object> }

/**
 * An error as plain data for any channel (structured clone, IPC, JSON). Never throws, whatever is given: getters that throw are
 * left out, circular causes end, a message or stack over 64 Ki characters is cut and says so, at most 8 causes deep. Functions and
 * symbols in fields are left out. A value that is no Error is kept as a value. @see decodeError
 */
export function encodeError (error: unknown): unknown {
  const budget: Budget = { text: maxTotal, nodes: maxNodes, path: new Set() }
  try {
    if (isErrorLike(error)) return encodeOne(error as object, budget, 0)
    const thrown = encodeValue(error, budget, 0, 0)
    return { $error: 1, thrown: thrown === undefined ? describe(error) : thrown, text: describe(error) }
  } catch {
    return { $error: 1, chain: ['Error'], name: 'Error', message: 'an error that can not be read', fields: {} }
  }
}

function encodeOne (error: object, budget: Budget, causes: number): Encoded {
  budget.path.add(error)
  const chain = constructors(error).filter(name => classes.get(name)?.matches?.(error) !== false)
  const encoded: Record<string, Encoded> = {
    $error: 1,
    chain,
    name: cut(String(primitive(read(error, 'name')) ?? 'Error'), 1024, budget),
    message: cut(String(primitive(read(error, 'message')) ?? ''), maxText, budget)
  }
  const stack = stackOf(error)
  if (stack !== undefined) encoded.stack = cut(stack, maxText, budget)
  const output = read(error, 'output')
  if (typeof output === 'string') encoded.output = cut(output, maxText, budget)
  encoded.fields = encodeFields(error, chain, budget, causes)
  const cause = read(error, 'cause')
  if (cause !== undefined && causes < maxCauses) {
    const value = encodeValue(cause, budget, 0, causes + 1)
    if (value !== undefined) encoded.cause = value
  }
  budget.path.delete(error)
  return encoded
}

function encodeFields (error: object, chain: readonly string[], budget: Budget, causes: number): Encoded {
  const hidden = chain.flatMap(name => classes.get(name)?.hidden ?? [])
  // A code is what callers branch on: it counts where a class keeps it in a getter, too. DOMException's is a number of no use.
  const code = chain.includes('DOMException') ? [] : ['code']
  const fields: Record<string, Encoded> = {}
  for (const key of new Set([...code, ...hidden, ...keysOf(error).slice(0, maxFields)])) {
    if (reserved.has(key)) continue
    const value = read(error, key, unreadable)
    if (value === unreadable || (value === undefined && !Object.hasOwn(error, key))) continue
    const encoded = encodeValue(value, budget, 0, causes + 1)
    if (encoded !== undefined) fields[key] = encoded
  }
  return fields
}

/** Undefined: left out (a function, a circle, too deep, over budget). */
function encodeValue (value: unknown, budget: Budget, depth: number, causes: number): Encoded | undefined {
  if (--budget.nodes < 0) return undefined
  switch (typeof value) {
    case 'string': return cut(value, maxText, budget)
    case 'boolean': return value
    case 'number': return Number.isFinite(value) && !Object.is(value, -0) ? value : { $t: 'number', v: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint': return { $t: 'bigint', v: cut(value.toString(), maxText, budget) }
    case 'undefined': return { $t: 'undefined' }
    case 'object': return value === null ? null : encodeObject(value, budget, depth, causes)
    default: return undefined
  }
}

function encodeObject (value: object, budget: Budget, depth: number, causes: number): Encoded | undefined {
  if (depth >= maxDepth || budget.path.has(value)) return undefined
  if (isErrorLike(value)) return causes > maxCauses ? undefined : { $t: 'error', v: encodeOne(value, budget, causes) }
  budget.path.add(value)
  const inner = (item: unknown): Encoded => encodeValue(item, budget, depth + 1, causes) ?? null
  try {
    if (Array.isArray(value)) return value.slice(0, depth === 0 ? maxErrors : maxNodes).map(inner)
    if (types.isDate(value)) return { $t: 'date', v: inner(value.getTime()) }
    if (types.isMap(value)) return { $t: 'map', v: [...value].slice(0, maxNodes).map(([key, item]) => [inner(key), inner(item)]) }
    if (types.isSet(value)) return { $t: 'set', v: [...value].slice(0, maxNodes).map(inner) }
    if (types.isArrayBufferView(value)) return { $t: 'bytes', v: cut(bytesOf(value).toString('base64'), maxText, budget) }
    if (value instanceof URL || types.isRegExp(value)) return cut(String(value), maxText, budget)
    return encodeRecord(value, budget, depth, causes)
  } catch {
    return undefined
  } finally {
    budget.path.delete(value)
  }
}

function encodeRecord (value: object, budget: Budget, depth: number, causes: number): Encoded {
  const entries: Array<[string, Encoded]> = []
  for (const key of keysOf(value).slice(0, maxNodes)) {
    const encoded = encodeValue(read(value, key, unreadable), budget, depth + 1, causes)
    if (encoded !== undefined) entries.push([cut(key, 1024, budget), encoded])
  }
  const plain = entries.every(([key]) => key !== '$t' && key !== '__proto__')
  return plain ? Object.fromEntries(entries) : { $t: 'object', v: entries }
}

function bytesOf (view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, Math.min(view.byteLength, 32_768))
}

function cut (value: string, limit: number, budget: Budget): string {
  const room = Math.max(0, Math.min(limit, budget.text))
  const result = value.length <= room ? value : `${value.slice(0, Math.max(0, room - 40))} … [cut, ${value.length} characters]`
  budget.text -= result.length
  return result
}

/** An error that crossed already shows where it began first. */
function stackOf (error: object): string | undefined {
  const here = read(error, 'stack')
  const remote = read(error, 'remoteStack')
  const stack = typeof here === 'string' ? here : undefined
  if (typeof remote !== 'string') return stack
  return stack === undefined ? remote : `${remote}\n    -- arrived here --\n${stack}`
}

/** Names of the constructors from the class upwards; what throws on the way ends the list. */
function constructors (error: object): string[] {
  const names: string[] = []
  try {
    let prototype: unknown = Object.getPrototypeOf(error)
    for (let depth = 0; depth < 16 && typeof prototype === 'object' && prototype !== null; depth++) {
      const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
      const name = typeof constructor === 'function' ? read(constructor, 'name') : undefined
      if (typeof name === 'string' && name !== '' && name !== 'Object') names.push(name.slice(0, 256))
      prototype = Object.getPrototypeOf(prototype)
    }
  } catch { /* a hostile proxy: what was found is enough */ }
  if (names.length === 0 && types.isNativeError(error)) names.push('Error')
  return names
}

function isErrorLike (value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return types.isNativeError(value) || constructors(value).includes('Error')
}

function read (object: object, key: string, otherwise?: unknown): unknown {
  try { return (object as Fields)[key] } catch { return otherwise }
}

function keysOf (object: object): string[] {
  try { return Object.keys(object) } catch { return [] }
}

function primitive (value: unknown): string | number | boolean | bigint | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? value : undefined
}

function describe (value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value).slice(0, 1024)
}

// ---------------------------------------------------------------------------------------------------------------- decode

/**
 * The error that {@link encodeError} was given: built-in classes, DOMException, FsError and registered classes arrive as
 * themselves, any other class as the nearest of those with its own `name` and fields. `stack` is local, `remoteStack` the sender's.
 * What was thrown without being an Error arrives as an Error named `NonErrorThrown` with the value in `value`. Never throws:
 * malformed input gives an FsError FORKFS_DESCRIPTOR.
 */
export function decodeError (encoded: unknown): Error {
  try {
    return decodeOne(encoded, 0)
  } catch (cause) {
    return new FsError('FORKFS_DESCRIPTOR', 'this is no encoded error: pass what encodeError() returned', { operation: 'decodeError', cause })
  }
}

function decodeOne (encoded: unknown, depth: number): Error {
  if (!isObject(encoded) || encoded.$error !== 1 || depth > 64) throw new TypeError('Expected an encoded error')
  if ('thrown' in encoded) return decodeThrown(encoded)
  const { chain, name, message } = encoded
  if (!Array.isArray(chain) || typeof name !== 'string' || typeof message !== 'string' || !isObject(encoded.fields)) {
    throw new TypeError('Expected an encoded error')
  }
  const fields = decodeRecord(encoded.fields, depth, reserved)
  const type = chain.map(item => classes.get(String(item))).find(item => item !== undefined) ?? classes.get('Error')!
  const error = type.create(message, fields, name)
  for (const [key, value] of Object.entries(fields)) define(error, key, value, type.hidden?.includes(key) !== true)
  if (error.message !== message) define(error, 'message', message, false)
  if (error.name !== name) define(error, 'name', name, false)
  if ('cause' in encoded) define(error, 'cause', decodeValue(encoded.cause, depth + 1), false)
  Error.captureStackTrace(error, decodeError) // again, now that name and message are final
  if (typeof encoded.stack === 'string') define(error, 'remoteStack', encoded.stack, true)
  if (typeof encoded.output === 'string') define(error, 'output', encoded.output, true)
  return error
}

function decodeThrown (encoded: Fields): Error {
  const error = new Error(`what was thrown is no Error: ${String(encoded.text)}`)
  define(error, 'name', 'NonErrorThrown', false)
  define(error, 'value', decodeValue(encoded.thrown, 0), true)
  return error
}

function decodeValue (value: unknown, depth: number): unknown {
  if (depth > 64) throw new RangeError('An encoded error is nested too deeply')
  if (Array.isArray(value)) return value.map(item => decodeValue(item, depth + 1))
  if (!isObject(value)) return value
  const { $t: tag, v } = value
  const list = Array.isArray(v) ? v as unknown[] : []
  const pair = (item: unknown): [unknown, unknown] => {
    const [first, second] = Array.isArray(item) ? item as unknown[] : []
    return [decodeValue(first, depth + 1), decodeValue(second, depth + 1)]
  }
  switch (tag) {
    case undefined: return decodeRecord(value, depth, prototypeKey)
    case 'undefined': return undefined
    case 'number': return Number(v)
    case 'bigint': return BigInt(String(v))
    case 'date': return new Date(Number(decodeValue(v, depth + 1)))
    case 'map': return new Map(list.map(pair))
    case 'set': return new Set(list.map(item => decodeValue(item, depth + 1)))
    case 'bytes': return new Uint8Array(Buffer.from(String(v), 'base64'))
    case 'object': return Object.fromEntries(list.map(pair).filter(([key]) => key !== '__proto__') as Array<[string, unknown]>)
    case 'error': return decodeOne(v, depth + 1)
    default: throw new TypeError('Expected an encoded value')
  }
}

function decodeRecord (record: Fields, depth: number, without: ReadonlySet<string>): Fields {
  const kept = Object.entries(record).filter(([key]) => !without.has(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, decodeValue(item, depth + 1)]))
}

function define (error: Error, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}
