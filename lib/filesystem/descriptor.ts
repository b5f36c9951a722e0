import { isRecord } from '../errors/index.js'
import type { OptionTable } from './options.js'

/** What an instance becomes when it is structured-cloned, sent over IPC or passed to JSON.stringify: plain data with one key, without secrets. */
export interface Descriptor { readonly $forkfs: DescriptorBody }

export interface DescriptorBody {
  readonly v: 1
  /** The first protocol of the class; 'mapper' and the like for what is built from filesystems. */
  readonly type: string
  readonly [field: string]: unknown
}

/** What stays at home, said so that the receiver knows: { accessKeyId: 'AKIA…' }, { headers: ['authorization'] }. Never the secret itself. */
export type Withheld = Readonly<Record<string, unknown>>

/** Under this key revive() hands a class what the sender withheld, beside the options. */
export const withheld: unique symbol = Symbol.for('forkfs.withheld.v1')

/** What a class says about itself for a descriptor. */
export interface Travel {
  /** Resolved options, plain JSON data, secrets left out. They win over the receiver's own configuration. */
  readonly options: Readonly<Record<string, unknown>>
  readonly withheld?: Withheld | undefined
}

/**
 * Names of what is secret, wherever nobody has said what it is: options of classes without a table, fields inside of options, headers. They stay at home
 * rather than travel by mistake.
 */
const secretNames = /auth|token|secret|passw|passphrase|pwd|credential|signature|cookie|connection[-_]?string|(?:api|private|subscription|account|shared)[-_]?key/i

export function isSecretName (name: string): boolean { return secretNames.test(name) }

/** A value without the fields that have secret names; what it lacks then goes to `kept`, by its path ('proxy.password'). A value that has none comes back as it is. */
export function withoutSecrets (value: unknown, path: string, kept: string[]): unknown {
  if (Array.isArray(value)) return copied(value, [...value.entries()], entries => entries.map(([, item]) => item))
  if (value instanceof Map) return copied(value, [...value as Map<unknown, unknown>], entries => new Map(entries))
  return isRecord(value) ? copied(value, Object.entries(value), entries => Object.fromEntries(entries)) : value

  function copied<K> (whole: object, entries: ReadonlyArray<[K, unknown]>, build: (entries: Array<[K, unknown]>) => object): object {
    const before = kept.length
    const left: Array<[K, unknown]> = []
    for (const [name, item] of entries) {
      const at = `${path}.${String(name)}`
      if (isSecretName(String(name))) kept.push(at)
      else left.push([name, withoutSecrets(item, at, kept)])
    }
    return kept.length === before ? whole : build(left)
  }
}

/** What the sender of an instance kept of its options. */
export function keptOptions (withheld: Withheld | undefined): readonly string[] {
  const names = withheld?.['options']
  return Array.isArray(names) ? names.filter(name => typeof name === 'string') : []
}

/**
 * What a receiver may not do without: secrets that were kept for their names alone. A class that declares a secret knows that it can be missing, and finds its own; any other
 * would go on as nobody, or as somebody else. undefined: nothing is missing.
 */
export function missingSecrets (withheld: Withheld | undefined, table: OptionTable | undefined): readonly string[] | undefined {
  const missing = keptOptions(withheld).filter(name => table?.[name]?.secret !== true)
  return missing.length === 0 ? undefined : missing
}
