import pLimit from 'p-limit'
import { isFsError } from '../errors/index.js'
import { basename } from '../filesystem/paths.js'
import type { Verb } from '../filesystem/types.js'
import { tryLock } from '../locks/index.js'
import { randomHex } from '../owner/index.js'
import { verdictOf } from '../owner/liveness.js'
import { isLocal } from './address.js'
import type { Address } from './address.js'
import { isMissing, readManifest, readMarker } from './manifest.js'
import type { Manifest } from './manifest.js'
import { persistLock, putMarker, removeMarked } from './persist.js'
import { explained } from './shared.js'
import { removeNeverBegun } from './staged.js'

const atOnce = 16
/** How long the writer of an unfinished checkpoint counts as alive where nobody can look. */
const abandonedMs = 24 * 60 * 60_000

/** A directory that is no complete checkpoint has no manifest; a damaged one is none. */
interface Found { readonly address: Address, readonly manifest: Manifest | undefined }

async function manifestOf (address: Address, verb: Verb): Promise<Manifest | undefined> {
  try {
    return (await readManifest(address, verb))?.manifest
  } catch (error) {
    if (isFsError(error, 'FORKFS_PROTOCOL', 'EINVAL')) return undefined
    throw error
  }
}

/** The directories directly below. Cost: one listing, one small request each. */
async function survey ({ fs, path }: Address, { signal }: Verb): Promise<Found[]> {
  const entries = await fs.ls(path, { signal, refresh: true }).catch((error: unknown) => {
    if (isMissing(error)) return []
    throw error
  })
  const limit = pLimit(atOnce)
  return Promise.all(entries.filter(({ type, name }) => type === 'directory' && name !== path).map(({ name }) => limit(async () => {
    const address = { fs, path: name }
    return { address, manifest: await manifestOf(address, { signal }) }
  })))
}

/** Complete ones, the newest first: by the time in the manifest, then by name with numbers as numbers. */
function newestFirst (found: readonly Found[]): Found[] {
  const { compare } = new Intl.Collator('en', { numeric: true })
  return found.filter(({ manifest }) => manifest !== undefined).sort((a, b) =>
    Date.parse(b.manifest!.created) - Date.parse(a.manifest!.created) || compare(basename(b.address.path), basename(a.address.path)))
}

export async function latest (root: Address, verb: Verb): Promise<Address | undefined> {
  return newestFirst(await survey(root, verb))[0]?.address
}

/** @returns the paths of what was removed */
export async function pruneTo (root: Address, keep: number, verb: Verb): Promise<string[]> {
  try {
    const found = await survey(root, verb)
    const removed: string[] = []
    for (const { address } of newestFirst(found).slice(keep)) if (await removeComplete(address, verb)) removed.push(address.path)
    for (const { address } of found.filter(({ manifest }) => manifest === undefined)) if (await removeAbandoned(address, verb)) removed.push(address.path)
    return removed
  } catch (error) {
    throw explained(error, root, 'prune')
  }
}

/** One that is being written by this node is left alone. */
async function unlessLocked (address: Address, { signal }: Verb, work: () => Promise<boolean>): Promise<boolean> {
  const lock = await tryLock(persistLock(address), { signal })
  if (lock === undefined) return false
  try { return await work() } finally { await lock.release() }
}

function removeComplete (address: Address, verb: Verb): Promise<boolean> {
  return unlessLocked(address, verb, async () => {
    await putMarker(address, randomHex(16), verb)
    await removeMarked(address, verb)
    return true
  })
}

function removeAbandoned (address: Address, verb: Verb): Promise<boolean> {
  return unlessLocked(address, verb, async () => {
    const marker = await readMarker(address, verb)
    if (marker === undefined) return isLocal(address) && removeNeverBegun(address.path, abandonedMs)
    if (await manifestOf(address, verb) !== undefined) return false
    const verdict = marker.owner === undefined ? 'unknown' : verdictOf(marker.owner)
    if (verdict === 'alive' || (verdict === 'unknown' && Date.now() - Date.parse(marker.begun) < abandonedMs)) return false
    await removeMarked(address, verb)
    return true
  })
}
