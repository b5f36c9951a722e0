import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError, fromNodeError, isFsError } from '../errors/index.js'
import { localTemporaryPattern } from '../file/local.js'
import { runBulk } from '../filesystem/bulk.js'
import { escapeGlob, isBelow, relative } from '../filesystem/paths.js'
import { usingProgress } from '../filesystem/progress.js'
import type { Progress, Verb, WriteOptions } from '../filesystem/types.js'
import { withLock } from '../locks/index.js'
import { randomHex } from '../owner/index.js'
import { ownerRecord } from '../owner/liveness.js'
import { deletePath } from '../resources/index.js'
import { below, identityOf, isLocal } from './address.js'
import type { Address } from './address.js'
import { checkDirectory } from './download.js'
import { sha256OfFile } from './hash.js'
import { isMissing, readManifest, readMarker } from './manifest.js'
import type { Manifest, ManifestFile, Marker } from './manifest.js'
import { controlNames, manifestName, markerName, metadataName } from './names.js'
import { explained } from './shared.js'
import { removeStaged } from './staged.js'

/** A local file as it was when it was hashed. */
interface SourceFile extends ManifestFile { readonly path: string, readonly version: string }

const hashedAtOnce = 4
/** After a failure what was uploaded is removed, if that can be done in this time. */
const cleanUpMs = 10_000

export function persistLock (target: Address): string { return `checkpoint persist ${identityOf(target)}` }

/**
 * Upload a local directory: complete in the end, or absent. The marker comes first, then the files, then the manifest, whose being there is
 * what makes it complete; the marker goes last.
 * @throws FsError EEXIST (a complete checkpoint is there), ENOTEMPTY (files of somebody else), ENOENT, ENOTDIR, FORKFS_CHANGED (a source
 *   file, or another host writes the same target), FORKFS_NOT_SUPPORTED (a pipe, a link to a directory); `signal.reason`
 */
export async function persistTo (directory: string, target: Address, { signal, progress }: Verb & { readonly progress?: Progress | undefined }): Promise<void> {
  try {
    await usingProgress(progress, inner => withLock(persistLock(target), async () => {
      const same = isLocal(target) && await isSame(directory, target.path)
      if (!same && isLocal(target) && isBelow(target.path, directory)) throw new FsError('EINVAL', 'the target lies in the directory that is to be persisted', { path: target.path })
      const files = await scan(directory, signal)
      if (same) await sealHere(target, manifestOf(files, randomHex(16)), { signal })
      else await upload(files, target, { signal, progress: inner })
    }, { signal }))
  } catch (error) {
    throw explained(error, target, 'persist')
  }
}

async function isSame (directory: string, target: string): Promise<boolean> {
  return await realpath(directory).catch(() => directory) === await realpath(target).catch(() => target)
}

async function sealHere (target: Address, manifest: Manifest, { signal }: Verb): Promise<void> {
  await removeStaged(target.path)
  await writeManifest(target, manifest, { signal })
}

async function upload (files: readonly SourceFile[], target: Address, options: Verb & { readonly progress?: Progress | undefined }): Promise<void> {
  const { signal, progress } = options
  const { fs } = target
  const attempt = randomHex(16)
  await claim(target, attempt, { signal })
  try {
    if (files.length > 0) await fs.put(files.map(({ path }) => path), files.map(({ name }) => below(target, name)), { signal, progress })
    await checkUnchanged(files)
    await checkArrived(files, target, { signal })
    await checkOurs(target, attempt, { signal })
    await seal(target, manifestOf(files, attempt), { signal })
    await checkOurs(target, attempt, { signal })
  } catch (error) {
    await withdraw(target, attempt).catch(() => {}) // the marker stays, and says enough
    throw error
  }
  await fs.rm(literal(target, markerName), { signal }).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
}

/** Put the marker, and remove what an earlier attempt left. */
async function claim (target: Address, attempt: string, { signal }: Verb): Promise<void> {
  const { fs, path } = target
  const sealed = await readManifest(target, { signal }).catch((error: unknown) => {
    if (isFsError(error, 'FORKFS_PROTOCOL', 'EINVAL')) return 'damaged'
    throw error
  })
  if (sealed !== undefined) throw new FsError('EEXIST', 'a checkpoint is there already: remove it, or choose another name')
  const began = await readMarker(target, { signal })
  if (began === undefined && await holdsSomething(target, { signal })) throw new FsError('ENOTEMPTY', 'files are there that no persist() left: choose another name')
  if (fs.capabilities.emptyDirectories) await fs.makedirs(path, { existOk: true, signal })
  await putMarker(target, attempt, { signal })
  if (began !== undefined) await removeContents(target, { signal })
  else if (isLocal(target)) await removeStaged(path) // the one before had not got as far as its marker
}

async function holdsSomething ({ fs, path }: Address, { signal }: Verb): Promise<boolean> {
  try {
    for await (const { name } of fs.list(path, { signal })) {
      if (name === path) throw new FsError('ENOTDIR', 'the target is a file')
      return true
    }
  } catch (error) {
    if (!isMissing(error) || isFsError(error, 'ENOTDIR')) throw error
  }
  return false
}

export async function putMarker (target: Address, attempt: string, { signal }: Verb): Promise<void> {
  const marker: Marker = { version: 1, attempt, begun: new Date().toISOString(), owner: ownerRecord() }
  await target.fs.pipeFile(below(target, markerName), JSON.stringify(marker), { signal })
}

/** A path for verbs that take patterns. */
function literal (address: Address, name: string): string {
  const path = name === '' ? address.path : below(address, name)
  return address.fs.isPattern(path) ? escapeGlob(path) : path
}

/** Everything but the marker, the manifest first. */
async function removeContents (target: Address, { signal }: Verb): Promise<void> {
  const { fs, path } = target
  await fs.rm(literal(target, manifestName), { signal }).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
  if (isLocal(target)) {
    // A listing leaves out what killed writers have staged here.
    for (const name of await readdir(path)) if (name !== markerName) await deletePath(join(path, name))
    return
  }
  const entries = (await fs.ls(path, { signal, refresh: true })).map(({ name }) => relative(name, path)).filter(name => name !== markerName && name !== '')
  if (entries.length > 0) await fs.rm(entries.map(name => literal(target, name)), { recursive: true, signal })
}

/** A marked checkpoint, the marker last: until then every reader is refused. */
export async function removeMarked (target: Address, verb: Verb): Promise<void> {
  await removeContents(target, verb)
  await target.fs.rm(literal(target, ''), { recursive: true, signal: verb.signal })
}

/** What this attempt has written; where another one has taken over, its manifest alone. */
async function withdraw (target: Address, attempt: string): Promise<void> {
  const signal = AbortSignal.timeout(cleanUpMs)
  if ((await readMarker(target, { signal }))?.attempt === attempt) await removeMarked(target, { signal })
  else if ((await readManifest(target, { signal }))?.manifest.attempt === attempt) await target.fs.rm(literal(target, manifestName), { signal })
}

async function checkOurs (target: Address, attempt: string, verb: Verb): Promise<void> {
  if ((await readMarker(target, verb))?.attempt === attempt) return
  throw takenOver()
}

function takenOver (cause?: unknown): FsError {
  return new FsError('FORKFS_CHANGED', 'somebody else, on another host, writes or removes the same checkpoint', { retry: 'may', cause })
}

function manifestOf (files: readonly SourceFile[], attempt: string): Manifest {
  return {
    version: 1,
    attempt,
    created: new Date().toISOString(),
    writer: { host: process.getBuiltinModule('node:os').hostname(), pid: process.pid },
    files: files.filter(({ name }) => name !== metadataName).map(({ name, size, sha256 }) => ({ name, size, sha256 }))
  }
}

async function writeManifest (target: Address, manifest: Manifest, options: Verb & WriteOptions): Promise<void> {
  await target.fs.pipeFile(below(target, manifestName), JSON.stringify(manifest), options)
}

/** Over no other manifest: a writer of another host that was quicker stays complete. */
async function seal (target: Address, manifest: Manifest, { signal }: Verb): Promise<void> {
  try {
    await writeManifest(target, manifest, { signal, flag: target.fs.capabilities.exclusiveCreate ? 'wx' : 'w' })
  } catch (error) {
    if (isFsError(error, 'FORKFS_NOT_SUPPORTED')) { await writeManifest(target, manifest, { signal }); return }
    if (isFsError(error, 'EEXIST')) throw takenOver(error)
    const landed = isFsError(error, 'FORKFS_OUTCOME_UNKNOWN') && (await readManifest(target, { signal }))?.manifest.attempt === manifest.attempt
    if (!landed) throw error
  }
}

/** Every file of the directory with its hash. Links to files are followed. */
async function scan (directory: string, signal: AbortSignal | undefined): Promise<SourceFile[]> {
  await checkSource(directory)
  const names: string[] = []
  await collect(directory, '', names)
  return runBulk(names.sort(), async (name, _index, inner) => {
    const path = join(directory, name)
    const { size, version } = await versionOf(path)
    const sha256 = await sha256OfFile(path, inner)
    if ((await versionOf(path)).version !== version) throw changed(path)
    return { name, path, size, version, sha256 }
  }, { concurrency: hashedAtOnce, signal })
}

async function checkSource (directory: string): Promise<void> {
  const stats = await stat(directory).catch((error: unknown) => { throw fromNodeError(error, { path: directory, protocol: 'file' }) })
  if (!stats.isDirectory()) throw new FsError('ENOTDIR', 'a checkpoint is a directory', { path: directory, protocol: 'file' })
}

async function collect (directory: string, prefix: string, names: string[]): Promise<void> {
  for (const entry of await readdir(join(directory, prefix), { withFileTypes: true })) {
    const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (controlNames.has(name)) continue
    if (entry.isFile() && localTemporaryPattern.test(entry.name)) continue // no contents, whole or not: listings leave them out as well
    if (entry.isDirectory()) await collect(directory, name, names)
    else if (entry.isFile() || (entry.isSymbolicLink() && (await stat(join(directory, name))).isFile())) names.push(name)
    else throw new FsError('FORKFS_NOT_SUPPORTED', 'it is a pipe, a socket, a device or a link to a directory', { path: join(directory, name), protocol: 'file' })
  }
}

async function versionOf (path: string): Promise<{ readonly size: number, readonly version: string }> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return { size: Number(size), version: `${ino}-${size}-${mtimeNs}-${ctimeNs}` }
  } catch (error) {
    throw fromNodeError(error, { path, protocol: 'file' })
  }
}

function changed (path: string): FsError { return new FsError('FORKFS_CHANGED', 'it was written to while it was persisted', { path, protocol: 'file', retry: 'may' }) }

async function checkUnchanged (files: readonly SourceFile[]): Promise<void> {
  for (const { path, version } of files) if ((await versionOf(path)).version !== version) throw changed(path)
}

/** All that was sent is there, and nothing else. */
async function checkArrived (files: readonly SourceFile[], target: Address, { signal }: Verb): Promise<void> {
  const { fs, path } = target
  if (files.length === 0) { await checkDirectory(target, { signal }); return }
  fs.invalidateCache(path)
  const found = await fs.find(path, { detail: true, signal })
  for (const { name, size } of files) {
    const info = found.get(below(target, name))
    if (info?.size !== size) throw new FsError('FORKFS_TRUNCATED', `${info === undefined ? 'it is missing' : `it has ${info.size} bytes`} where ${size} bytes were uploaded`, { path: below(target, name), protocol: fs.protocol })
  }
  const strangers = [...found.keys()].filter(name => !controlNames.has(relative(name, path)))
  if (strangers.length !== files.length) throw takenOver()
}
