import { FsError, isFsError, isRecord } from '../errors/index.js'
import type { Verb } from '../filesystem/types.js'
import { toOwnerRecord } from '../owner/liveness.js'
import type { OwnerRecord } from '../owner/liveness.js'
import { below } from './address.js'
import type { Address } from './address.js'
import { checkFileName, controlNames, manifestName, markerName, metadataName } from './names.js'

export interface ManifestFile {
  /** Relative, with `/`. */
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** Hex. */
  readonly sha256: string
}

/** `.checkpoint.json`: every file of the checkpoint but `.metadata.json`. */
export interface Manifest {
  readonly version: 1
  /** Random; the marker of the same writing has it too. */
  readonly attempt: string
  /** When it was complete, by the writer's clock: ISO 8601. */
  readonly created: string
  readonly writer: { readonly host: string, readonly pid: number }
  readonly files: readonly ManifestFile[]
}

/** `.checkpoint.incomplete` */
export interface Marker {
  readonly version: 1
  readonly attempt: string
  /** ISO 8601. */
  readonly begun: string
  /** undefined where it can not be read. */
  readonly owner: OwnerRecord | undefined
}

export function isMissing (error: unknown): boolean { return isFsError(error, 'ENOENT', 'ENOTDIR') }

/** The bytes of a file below; undefined where it is not there. */
export async function readBelow (address: Address, name: string, verb: Verb): Promise<Uint8Array | undefined> {
  try {
    return await address.fs.catFile(below(address, name), { signal: verb.signal })
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function malformed ({ fs, path }: Address, why: string, cause?: unknown): FsError {
  return new FsError('FORKFS_PROTOCOL', `its ${manifestName} is no manifest: ${why}`, { path, protocol: fs.protocol, cause })
}

/** @throws FsError FORKFS_PROTOCOL; EINVAL for a name that would leave the directory */
export function parseManifest (address: Address, data: Uint8Array): Manifest {
  let value: unknown
  try { value = JSON.parse(Buffer.from(data).toString('utf8')) } catch (error) { throw malformed(address, 'it is no JSON', error) }
  if (!isRecord(value) || value['version'] !== 1 || !Array.isArray(value['files'])) throw malformed(address, 'version 1 and `files` are wanted')
  if (typeof value['created'] !== 'string' || Number.isNaN(Date.parse(value['created'])) || typeof value['attempt'] !== 'string') throw malformed(address, '`created` and `attempt` are wanted')
  const names = new Set<string>()
  for (const file of value['files'] as readonly unknown[]) {
    if (!isRecord(file) || typeof file['name'] !== 'string' || !Number.isSafeInteger(file['size']) || (file['size'] as number) < 0 || !/^[0-9a-f]{64}$/.test(String(file['sha256']))) {
      throw malformed(address, 'a file needs `name`, `size` and `sha256`')
    }
    const name = file['name']
    checkFileName(name)
    if (names.has(name) || controlNames.has(name) || name === metadataName) throw malformed(address, 'it names a file twice, or one of its own')
    names.add(name)
  }
  return value as unknown as Manifest
}

/** @returns undefined where there is none; `data` as it is stored */
export async function readManifest (address: Address, verb: Verb): Promise<{ readonly manifest: Manifest, readonly data: Uint8Array } | undefined> {
  const data = await readBelow(address, manifestName, verb)
  return data && { manifest: parseManifest(address, data), data }
}

/** A damaged marker is one all the same: of an unknown writer, who began in 1970. */
export async function readMarker (address: Address, verb: Verb): Promise<Marker | undefined> {
  const data = await readBelow(address, markerName, verb)
  if (data === undefined) return undefined
  try {
    const { attempt, begun, owner } = JSON.parse(Buffer.from(data).toString('utf8')) as Record<string, unknown>
    if (typeof attempt === 'string' && typeof begun === 'string') return { version: 1, attempt, begun, owner: toOwnerRecord(owner) }
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error
  }
  return { version: 1, attempt: '', begun: new Date(0).toISOString(), owner: undefined }
}

export function incomplete ({ fs, path }: Address, why: string): FsError {
  return new FsError('FORKFS_INCOMPLETE', why, { path, protocol: fs.protocol })
}

export function unfinished (address: Address): FsError {
  return incomplete(address, 'it is being written or removed, or its writer died: take the last complete one (Checkpoint.latestComplete)')
}
