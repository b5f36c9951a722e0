import { FsError, isRecord, nearestName } from '../errors/index.js'
import { checkOption, commonOptions } from '../filesystem/options.js'
import type { OptionSpec } from '../filesystem/options.js'
import { realm } from '../owner/index.js'
import { implementationOf, protocolsWithOption } from './protocols.js'
import type { Implementation } from './protocols.js'

/**
 * Defaults of options, in rising order: the JSON file that FORKFS_CONFIG names, FORKFS_<PROTOCOL>_<OPTION> in the
 * environment, configure(). Explicit options win over all. File and environment are read once per epoch.
 */

const configured = new Map<string, Readonly<Record<string, unknown>>>()
let outside: Map<string, Readonly<Record<string, unknown>>> | undefined
let file: Readonly<Record<string, unknown>> | undefined
let readInEpoch = 0
/** Protocol -> option -> the place that it comes from. */
const origins = new Map<string, Map<string, string>>()
let version = 0

/** Grows with every configure(): what was looked up before it may be another instance now. */
export function configVersion (): number { return version }

/** Defaults for a protocol (all its aliases) in this thread. Undefined values take a default back. */
export function configure (protocol: string, defaults: Readonly<Record<string, unknown>>): void {
  const type = implementationOf(protocol)
  if (!isRecord(defaults)) throw new TypeError('Expected the defaults to be an object')
  checkPlaces(type, defaults, 'configure()')
  for (const [name, value] of Object.entries(defaults)) if (value !== undefined) checkKnown(type, name, value)
  const merged: Record<string, unknown> = { ...configured.get(type.protocols[0]!), ...defaults }
  for (const name of Object.keys(merged)) if (merged[name] === undefined) delete merged[name]
  configured.set(type.protocols[0]!, Object.freeze(merged))
  version++
}

function specOf (type: Implementation, name: string): OptionSpec | undefined {
  if (Object.hasOwn(commonOptions, name)) return commonOptions[name]
  return type.options !== undefined && Object.hasOwn(type.options, name) ? type.options[name] : undefined
}

function checkKnown (type: Implementation, name: string, value: unknown): void {
  const spec = specOf(type, name)
  if (spec !== undefined) checkOption(name, value, spec)
}

/**
 * Refuse options that the class does not have, and say where they belong or what was probably meant.
 * @throws TypeError
 */
export function checkPlaces (type: Implementation, given: Readonly<Record<string, unknown>>, where: string): void {
  if (type.options === undefined) return
  for (const name of Object.keys(given)) {
    if (specOf(type, name) !== undefined) continue
    const names = [...Object.keys(type.options), ...Object.keys(commonOptions)]
    const near = nearestName(name, names)
    if (near !== undefined) throw new TypeError(`Unknown option \`${name}\` of ${type.protocols[0]} in ${where}: did you mean \`${near}\`?`)
    const homes = protocolsWithOption(name)
    throw new TypeError(`Unknown option \`${name}\` of ${type.protocols[0]} in ${where}${homes.length === 0 ? `; known are ${names.join(', ')}` : `: it belongs to ${homes.join(', ')}`}`)
  }
}

/** Options from configuration, for one class; a null-free copy of the caller's options is laid over them. */
export function configuredOptions (type: Implementation): Readonly<Record<string, unknown>> {
  if (readInEpoch !== realm.epoch) {
    outside = new Map()
    origins.clear()
    file = undefined
    readInEpoch = realm.epoch
  }
  const name = type.protocols[0]!
  let fromOutside = outside!.get(name)
  if (fromOutside === undefined) {
    fromOutside = Object.freeze({ ...fromFile(type), ...fromEnvironment(type, process.env) })
    outside!.set(name, fromOutside)
  }
  return { ...fromOutside, ...configured.get(name) }
}

/** Who set a default, for the message of what refuses it; undefined where nobody did. */
export function originOf (type: Implementation, name: string): string | undefined {
  const protocol = type.protocols[0]!
  const inCode = configured.get(protocol)
  return inCode !== undefined && Object.hasOwn(inCode, name) ? `set by configure('${protocol}', …)` : origins.get(protocol)?.get(name)
}

function setBy (type: Implementation, name: string, place: string): void {
  const protocol = type.protocols[0]!
  const known = origins.get(protocol) ?? new Map<string, string>()
  origins.set(protocol, known.set(name, place))
}

/** `forcePathStyle` -> FORCE_PATH_STYLE */
export function environmentName (option: string): string {
  return option.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()
}

function fromEnvironment (type: Implementation, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  const names = new Map([...Object.keys(commonOptions), ...Object.keys(type.options ?? {})].map(option => [environmentName(option), option]))
  for (const protocol of type.protocols) {
    const prefix = `FORKFS_${protocol.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_`
    for (const variable of Object.keys(env)) {
      if (!variable.startsWith(prefix) || env[variable] === undefined) continue
      const option = names.get(variable.slice(prefix.length))
      if (option === undefined) {
        const near = nearestName(variable.slice(prefix.length), names.keys())
        throw new FsError('FORKFS_CONFIG', `the environment variable ${variable} is no option of ${protocol}${near === undefined ? '' : `; did you mean ${prefix}${near}?`}`)
      }
      found[option] = parseVariable(variable, env[variable], specOf(type, option)!)
      setBy(type, option, `the environment variable ${variable}`)
    }
  }
  return found
}

/** JSON where it parses to something that fits, else the text itself. */
function parseVariable (variable: string, text: string, spec: OptionSpec): unknown {
  let parsed: unknown = text
  try { parsed = JSON.parse(text) } catch { /* a plain text */ }
  if (spec.check(parsed)) return parsed
  if (spec.check(text)) return text
  throw new FsError('FORKFS_CONFIG', `the environment variable ${variable} must be ${spec.expected}`)
}

function fromFile (type: Implementation): Record<string, unknown> {
  const path = process.env['FORKFS_CONFIG']
  if (path === undefined || path === '') return {}
  file ??= readConfigFile(path)
  const found: Record<string, unknown> = {}
  for (const protocol of type.protocols) {
    const section = Object.hasOwn(file, protocol) ? file[protocol] : undefined
    if (section === undefined) continue
    if (!isRecord(section)) throw new FsError('FORKFS_CONFIG', `the section '${protocol}' must be an object`, { path })
    for (const [name, value] of Object.entries(section)) {
      const spec = specOf(type, name)
      if (spec === undefined && type.options !== undefined) {
        const near = nearestName(name, [...Object.keys(type.options), ...Object.keys(commonOptions)])
        throw new FsError('FORKFS_CONFIG', `'${protocol}' has no option '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`, { path })
      }
      if (spec !== undefined && !spec.check(value)) throw new FsError('FORKFS_CONFIG', `'${protocol}.${name}' must be ${spec.expected}`, { path })
      found[name] = value
      setBy(type, name, `'${protocol}.${name}' in the file '${path}'`)
    }
  }
  return found
}

function readConfigFile (path: string): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(process.getBuiltinModule('node:fs').readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new FsError('FORKFS_CONFIG', 'the file that FORKFS_CONFIG names can not be read as JSON', { path, cause })
  }
  if (!isRecord(parsed)) throw new FsError('FORKFS_CONFIG', 'the file that FORKFS_CONFIG names must hold one object: { "s3": { … } }', { path })
  return parsed
}
