/**
 * Options of an implementation, declared as a table: checked before any I/O, misspelt names answered with the nearest known
 * one, made canonical for the instance cache, and told apart into what may travel and what may not.
 */

import { checkObject, isRecord, shown, unknownOption } from '../errors/index.js'

export interface OptionSpec {
  /** What is expected, in words: "a string". */
  readonly expected: string
  readonly check: (value: unknown) => boolean
  readonly default?: unknown
  /** Never in descriptors, errors or `inspect`. */
  readonly secret?: boolean
  /** A live object: it can not travel at all, an instance that has it refuses to. */
  readonly opaque?: boolean
  /** Of an option that is an object: what it may hold, so that a mistake in it is told by its own name. `check` decides all the same. */
  readonly fields?: OptionTable
}
export type OptionTable = Readonly<Record<string, OptionSpec>>

function spec (expected: string, check: (value: unknown) => boolean): OptionSpec { return { expected, check } }

/** The kinds of option that tables are made of. */
export const kinds = Object.freeze({
  string: spec('a string', value => typeof value === 'string'),
  text: spec('a non-empty string', value => typeof value === 'string' && value !== ''),
  boolean: spec('true or false', value => typeof value === 'boolean'),
  count: spec('an integer >= 1', value => Number.isSafeInteger(value) && (value as number) >= 1),
  milliseconds: spec('a number of milliseconds > 0', value => typeof value === 'number' && value > 0),
  pem: spec('PEM text ("-----BEGIN CERTIFICATE-----…"), not the name of a file', value => typeof value === 'string' && value.includes('-----BEGIN')),
  strings: spec('an object whose values are strings', value => isRecord(value) && Object.values(value).every(entry => typeof entry === 'string')),
  object: spec('an object', value => typeof value === 'object' && value !== null)
})

export function oneOf (...values: readonly string[]): OptionSpec {
  return spec(values.map(value => `'${value}'`).join(' or '), value => values.includes(value as string))
}

const retryFields: OptionTable = Object.freeze({ attempts: kinds.count, baseMs: kinds.milliseconds, maxMs: kinds.milliseconds })

const listingsFields: OptionTable = Object.freeze({ expirySeconds: spec('a number of seconds > 0', value => typeof value === 'number' && value > 0), maxDirectories: kinds.count })

function hasFields (value: unknown, fields: OptionTable): boolean {
  return isRecord(value) && Object.entries(value).every(([name, entry]) => entry === undefined || (Object.hasOwn(fields, name) && fields[name]!.check(entry)))
}

/** Options that every implementation takes. Defaults: design "Defaults". */
export const commonOptions: OptionTable = Object.freeze({
  fresh: kinds.boolean,
  maxConcurrency: { ...kinds.count, default: 64 },
  retry: {
    expected: '{ attempts, baseMs, maxMs }, each a number > 0',
    check: value => hasFields(value, retryFields),
    fields: retryFields
  },
  listings: {
    expected: 'false, or { expirySeconds, maxDirectories }, each a number > 0',
    check: value => value === false || hasFields(value, listingsFields),
    fields: listingsFields,
    default: false
  },
  timeoutMs: { ...kinds.milliseconds, default: 60_000 },
  idleTimeoutMs: { ...kinds.milliseconds, default: 30_000 },
  onForeignOwner: { ...oneOf('reset', 'throw'), default: 'reset' }
})

/** The common options with their defaults filled in. */
export interface ResolvedCommonOptions {
  readonly maxConcurrency: number
  readonly retry: { readonly attempts: number, readonly baseMs: number, readonly maxMs: number }
  readonly timeoutMs: number
  readonly idleTimeoutMs: number
  readonly onForeignOwner: 'reset' | 'throw'
  readonly listings: false | { readonly expirySeconds: number, readonly maxDirectories: number }
}

/** @throws TypeError naming the option (or its field), what was expected and what came. */
export function checkOption (name: string, value: unknown, { expected, check, secret, opaque, fields }: OptionSpec): void {
  if (check(value)) return
  if (fields !== undefined && isRecord(value)) {
    for (const [field, entry] of Object.entries(value)) {
      if (!Object.hasOwn(fields, field)) throw unknownOption(field, `\`${name}\``, Object.keys(fields))
      if (entry !== undefined) checkOption(`${name}.${field}`, entry, fields[field]!)
    }
  }
  throw new TypeError(`Expected option \`${name}\` to be ${expected}, got ${shown(value, secret === true || opaque === true)}`)
}

/**
 * Check given options against a table and fill in defaults; undefined counts as not given. `table` undefined (a class that
 * declares none): any option is taken, the common ones are checked all the same.
 * @throws TypeError for an unknown or malformed option
 */
export function resolveOptions (owner: string, given: Readonly<Record<string, unknown>>, table: OptionTable | undefined): Record<string, unknown> {
  checkObject(owner, given)
  const resolved: Record<string, unknown> = {}
  for (const name of Object.keys(given)) {
    const value = given[name]
    const known = Object.hasOwn(commonOptions, name) ? commonOptions[name] : table !== undefined && Object.hasOwn(table, name) ? table[name] : undefined
    if (known === undefined && table !== undefined) throw unknownOption(name, owner, [...Object.keys(table), ...Object.keys(commonOptions)])
    if (value === undefined) continue
    if (known !== undefined) checkOption(name, value, known)
    resolved[name] = value
  }
  for (const source of [commonOptions, table ?? {}]) {
    for (const [name, entry] of Object.entries(source)) if (!(name in resolved) && entry.default !== undefined) resolved[name] = entry.default
  }
  const { attempts = 5, baseMs = 50, maxMs = 20_000 } = (resolved['retry'] ?? {}) as Partial<ResolvedCommonOptions['retry']>
  resolved['retry'] = Object.freeze({ attempts, baseMs, maxMs })
  if (resolved['listings'] !== false) {
    const { expirySeconds = 60, maxDirectories = 1000 } = resolved['listings'] as Partial<Exclude<ResolvedCommonOptions['listings'], false>>
    resolved['listings'] = Object.freeze({ expirySeconds, maxDirectories })
  }
  return resolved
}

const identities = new WeakMap<object | symbol, number>()
let lastIdentity = 0

function identityOf (value: object | symbol): number {
  let id = identities.get(value)
  if (id === undefined) {
    id = ++lastIdentity
    identities.set(value, id)
  }
  return id
}

/**
 * One text per meaning: keys sorted, undefined left out, every value tagged by its type, opaque objects by identity (never by
 * String(obj)). Holds secrets in clear: a key for maps of this thread, shown to nobody.
 */
export function canonical (value: unknown): string {
  switch (typeof value) {
    case 'string': return `s${value.length}:${value}`
    case 'number': return `n${Object.is(value, -0) ? 0 : value}`
    case 'boolean': return value ? 't' : 'f'
    case 'bigint': return `i${value}`
    case 'undefined': return 'u'
    case 'symbol': return Symbol.keyFor(value) === undefined ? `y${identityOf(value)}` : `Y${canonical(Symbol.keyFor(value))}`
    case 'function': return `o${identityOf(value)}`
  }
  if (value === null) return 'z'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const tag = Object.prototype.toString.call(value)
  if (value instanceof URL) return `U${JSON.stringify(value.href)}`
  if (tag === '[object Map]') return `{${[...(value as Map<unknown, unknown>)].filter(([, entry]) => entry !== undefined).map(([key, entry]) => `${canonical(String(key))}:${canonical(entry)}`).sort().join(',')}}`
  if (tag !== '[object Object]' || !isPlain(value as object)) return `o${identityOf(value as object)}`
  const record = value as Record<string, unknown>
  const keys = Object.keys(record)
  if (keys.length > 1) keys.sort()
  let text = '{'
  for (const key of keys) if (record[key] !== undefined) text += `${key.length}:${key}=${canonical(record[key])},`
  return text + '}'
}

/** Plain data of any realm (vm contexts have an Object of their own). */
export function isPlain (value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
