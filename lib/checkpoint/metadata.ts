import { FsError, isFsError, isRecord, kindOf } from '../errors/index.js'
import { isPlain } from '../filesystem/options.js'
import type { Verb, WriteOptions } from '../filesystem/types.js'
import { withLock } from '../locks/index.js'
import type { WaitOptions } from '../locks/index.js'
import { untouchedMs } from '../owner/liveness.js'
import { below, identityOf, isLocal } from './address.js'
import type { Address } from './address.js'
import { isMissing } from './manifest.js'
import { metadataName } from './names.js'
import { explained } from './shared.js'
import { removeStaged } from './staged.js'

export type Metadata = Readonly<Record<string, unknown>>

/** Writers on other machines may come between reading and writing as often. */
const attempts = 50

interface Version { readonly metadata: Record<string, unknown>, /** undefined where there is none yet. */ readonly etag: string | undefined, readonly exists: boolean }

/** @throws FsError FORKFS_PROTOCOL: it is no JSON object */
export async function readMetadata (address: Address, verb: Verb): Promise<Record<string, unknown>> {
  return (await readVersion(address, verb)).metadata
}

async function readVersion (address: Address, { signal }: Verb): Promise<Version> {
  const { fs } = address
  const path = below(address, metadataName)
  for (let attempt = 1; ; attempt++) {
    try {
      const { etag } = await fs.info(path, { signal })
      return { metadata: parse(address, await fs.catFile(path, { signal, ifMatch: etag })), etag, exists: true }
    } catch (error) {
      if (isMissing(error)) return { metadata: {}, etag: undefined, exists: false }
      if (!isFsError(error, 'FORKFS_CHANGED') || attempt >= attempts) throw error
    }
  }
}

function parse ({ fs, path }: Address, data: Uint8Array): Record<string, unknown> {
  let value: unknown
  let cause: unknown
  try { value = JSON.parse(Buffer.from(data).toString('utf8')) } catch (error) { cause = error }
  if (!isRecord(value)) throw new FsError('FORKFS_PROTOCOL', `its ${metadataName} is no JSON object`, { path, protocol: fs.protocol, cause })
  return value
}

/** Strict: what JSON would drop or change silently is refused. @throws TypeError */
export function checkMetadata (metadata: unknown): asserts metadata is Metadata {
  if (!isRecord(metadata) || !isPlain(metadata)) throw new TypeError(`Expected \`metadata\` to be an object of JSON values, got (${kindOf(metadata)})`)
  checkValue('metadata', metadata, new Set())
}

function checkValue (where: string, value: unknown, above: Set<object>): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return
  const plain = typeof value === 'object' && (Array.isArray(value) || (isRecord(value) && isPlain(value)))
  if (!plain) throw new TypeError(`Expected \`${where}\` to be a JSON value, got \`${typeof value === 'number' ? value : Object.prototype.toString.call(value)}\` (${typeof value})`)
  if (above.has(value)) throw new TypeError(`Expected \`${where}\` to be a JSON value, got an object that contains itself`)
  above.add(value)
  for (const [name, part] of Object.entries(value as object)) checkValue(`${where}.${name}`, part, above)
  above.delete(value)
}

async function write (address: Address, metadata: Metadata, options: Verb & WriteOptions): Promise<void> {
  await address.fs.pipeFile(below(address, metadataName), JSON.stringify(metadata), options)
}

async function locked (address: Address, options: WaitOptions, work: () => Promise<void>): Promise<void> {
  try {
    await withLock(`checkpoint metadata ${identityOf(address)}`, async () => {
      // Those of other nodes are done long before. What fails is tried again by the next one.
      if (isLocal(address)) await removeStaged(address.path, [metadataName], untouchedMs).catch(() => {})
      await work()
    }, options)
  } catch (error) {
    throw explained(error, address, 'metadata')
  }
}

/** Replaces all. */
export async function writeMetadata (address: Address, metadata: unknown, options: WaitOptions): Promise<void> {
  checkMetadata(metadata)
  await locked(address, options, () => write(address, metadata, { signal: options.signal }))
}

/** Adds and overrides keys. One at a time on this node; on stores that compare versions nothing of other nodes is lost either. */
export async function mergeMetadata (address: Address, metadata: unknown, options: WaitOptions): Promise<void> {
  checkMetadata(metadata)
  await locked(address, options, async () => {
    for (let attempt = 1; ; attempt++) {
      const { metadata: before, etag, exists } = await readVersion(address, options)
      try {
        await writeOver(address, { ...before, ...metadata }, { etag, exists }, options)
        return
      } catch (error) {
        // Merged again over what is there: the same keys twice are the same result.
        if (!isFsError(error, 'FORKFS_CHANGED', 'EEXIST', 'FORKFS_OUTCOME_UNKNOWN') || attempt >= attempts) throw error
      }
    }
  })
}

async function writeOver (address: Address, merged: Metadata, { etag, exists }: Pick<Version, 'etag' | 'exists'>, { signal }: Verb): Promise<void> {
  const condition: WriteOptions = exists ? { ifMatch: etag } : address.fs.capabilities.exclusiveCreate ? { flag: 'wx' } : {}
  try {
    await write(address, merged, { signal, ...condition })
  } catch (error) {
    if (!isFsError(error, 'FORKFS_NOT_SUPPORTED')) throw error
    await write(address, merged, { signal }) // the store compares nothing: the lock of this node is all there is
  }
}
