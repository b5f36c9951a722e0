import { FsError, nearestName } from '../errors/index.js'
import { isFileSystem } from '../filesystem/filesystem.js'
import type { FileSystem } from '../filesystem/filesystem.js'
import type { OptionTable } from '../filesystem/options.js'
import { realm } from '../owner/index.js'
import { GcsFileSystem } from '../../implementations/gcs/index.js'
import { HttpFileSystem } from '../../implementations/http/index.js'
import { LocalFileSystem } from '../../implementations/local/index.js'
import { MemoryFileSystem } from '../../implementations/memory/index.js'
import { S3FileSystem } from '../../implementations/s3/index.js'

/** A class of file systems: its constructor takes the options, its first protocol names it in URLs and descriptors. */
export type Implementation = (new (options: never) => FileSystem) & { readonly protocols: readonly string[], readonly options?: OptionTable | undefined }

export interface ImplementationLoader {
  load (): Promise<Implementation>
  /** What to install, for the message when loading fails. */
  readonly install?: string | undefined
}

export interface RegisterOptions {
  /** Replace another implementation of the protocol. @defaultValue false */
  readonly clobber?: boolean | undefined
}

/** What registerImplementation() files under a protocol, in the realm: all copies of the package share it. */
interface Entry { type?: Implementation | undefined, readonly loader?: ImplementationLoader | undefined, loading?: Promise<Implementation> | undefined }

/** The built-in classes are thin and statically reachable; what is heavy they import on first use. */
const builtins: ReadonlyMap<string, Implementation> = new Map(
  [LocalFileSystem, MemoryFileSystem, HttpFileSystem, S3FileSystem, GcsFileSystem].flatMap(type => type.protocols.map(protocol => [protocol, type as Implementation] as const))
)

const registered = realm.implementations as Map<string, Entry>

export function availableProtocols (): readonly string[] {
  return [...new Set([...builtins.keys(), ...registered.keys()])].sort()
}

/** @throws TypeError for what is no protocol */
export function checkProtocol (protocol: unknown): asserts protocol is string {
  if (typeof protocol !== 'string' || !/^[a-z][a-z0-9+.-]*$/.test(protocol)) {
    throw new TypeError(`Expected a protocol such as 's3' (lower case, without '://'), got \`${String(protocol).slice(0, 40)}\` (${typeof protocol})`)
  }
}

/** @throws TypeError for what filesystem() could make no filesystem of */
function checkClass (type: unknown): asserts type is Implementation {
  if (typeof type !== 'function' || !isFileSystem(type.prototype)) throw new TypeError('Expected an implementation to be a class that extends FileSystem')
  const { protocols } = type as unknown as Implementation
  if (!Array.isArray(protocols) || protocols.length === 0) throw new TypeError(`Expected \`${type.name === '' ? 'the class' : type.name}.protocols\` to be an array of at least one protocol`)
}

/** Third parties: a class, or a loader that loadImplementation() and the async functions import. Same class again is a no-op; another one needs `clobber`. */
export function registerImplementation (protocol: string | readonly string[], implementation: Implementation | ImplementationLoader, options: RegisterOptions = {}): void {
  const protocols = typeof protocol === 'string' ? [protocol] : protocol
  if (!Array.isArray(protocols) || protocols.length === 0) throw new TypeError(`Expected \`protocol\` to be a protocol such as 's3', or an array of them, got (${typeof protocol})`)
  const isClass = typeof implementation === 'function'
  if (!isClass && typeof (implementation as ImplementationLoader | undefined)?.load !== 'function') throw new TypeError('Expected an implementation to be a class with `protocols`, or an object with load()')
  if (isClass) checkClass(implementation)
  for (const name of protocols) {
    checkProtocol(name)
    const before = registered.get(name)
    const same = before !== undefined && (before.type === implementation || before.loader === implementation)
    if (same || (before === undefined && builtins.get(name) === implementation)) continue
    if ((before !== undefined || builtins.has(name)) && options.clobber !== true) {
      throw new FsError('FORKFS_CONFIG', `the protocol '${name}' has another implementation already; pass { clobber: true } to replace it`)
    }
    registered.set(name, isClass ? { type: implementation } : { loader: implementation as ImplementationLoader })
  }
}

/** What registered for a protocol, loaded or not: the same for aliases of one implementation. */
function sourceOf (protocol: string): object | undefined {
  const entry = registered.get(protocol)
  return entry === undefined ? builtins.get(protocol) : entry.loader ?? entry.type
}

/**
 * Whether two protocols are names of one implementation ('file' and 'local', 'gs' and 'gcs'), here and now: not where one of them was replaced. 'http' and 'https' are not names
 * of one thing: the protocol is part of the path there, and only one of them keeps what is read to itself.
 */
export function areAliases (one: string, other: string): boolean {
  if (one === other) return true
  const source = sourceOf(one)
  return source !== undefined && source === sourceOf(other) && source !== HttpFileSystem
}

function unknownProtocol (protocol: string): FsError {
  const known = availableProtocols()
  const near = nearestName(protocol, known)
  return new FsError('FORKFS_UNKNOWN_PROTOCOL', `there is no '${protocol}'${near === undefined ? '' : ` (did you mean '${near}'?)`}; known are ${known.join(', ')}; registerImplementation() adds others`, { protocol })
}

/**
 * The class of a protocol, if it is here.
 * @throws FsError FORKFS_UNKNOWN_PROTOCOL · FORKFS_NOT_LOADED for a lazy one before loadImplementation()
 */
export function implementationOf (protocol: string): Implementation {
  const entry = registered.get(protocol)
  if (entry?.type !== undefined) return entry.type
  if (entry !== undefined) throw new FsError('FORKFS_NOT_LOADED', `await loadImplementation('${protocol}') first, or use urlToFs() or open(), which do`, { protocol })
  const builtin = builtins.get(protocol)
  if (builtin === undefined) {
    checkProtocol(protocol)
    throw unknownProtocol(protocol)
  }
  return builtin
}

/** The class of a protocol, imported if need be; callers at the same time share one import, a failed one may be tried again. */
export async function loadImplementation (protocol: string): Promise<Implementation> {
  checkProtocol(protocol)
  const entry = registered.get(protocol)
  if (entry?.loader === undefined || entry.type !== undefined) return implementationOf(protocol)
  entry.loading ??= load(protocol, entry, entry.loader)
  return entry.loading
}

async function load (protocol: string, entry: Entry, loader: ImplementationLoader): Promise<Implementation> {
  try {
    const type = await loader.load()
    checkClass(type)
    entry.type = type
    return type
  } catch (cause) {
    throw new FsError('FORKFS_MISSING_PEER', `the implementation of '${protocol}' could not be loaded${loader.install === undefined ? '' : `; install ${loader.install}`}`, { protocol, cause })
  } finally {
    entry.loading = undefined
  }
}

/** Which built-in protocols have an option of this name: for messages that say where it belongs. */
export function protocolsWithOption (name: string): string[] {
  return [...new Set(builtins.values())].filter(type => type.options !== undefined && Object.hasOwn(type.options, name)).map(type => type.protocols[0]!)
}
