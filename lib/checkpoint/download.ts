import { lstat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError, isFsError } from '../errors/index.js'
import { runBulk } from '../filesystem/bulk.js'
import { relative } from '../filesystem/paths.js'
import type { FileInfo, Progress, Verb } from '../filesystem/types.js'
import { checkSpace } from '../resources/index.js'
import { below } from './address.js'
import type { Address } from './address.js'
import { sha256OfFile } from './hash.js'
import { incomplete, readBelow, readManifest, unfinished } from './manifest.js'
import type { Manifest, ManifestFile } from './manifest.js'
import { checkFileName, controlNames, manifestName, markerName, metadataName } from './names.js'

/** What is known before the first byte is fetched. */
export interface Plan {
  readonly source: Address
  readonly bytes: number
  /** Of a complete checkpoint. */
  readonly sealed: { readonly manifest: Manifest, readonly data: Uint8Array } | undefined
  /** Names below the source and what a listing told of them, where there is no manifest. */
  readonly listed: ReadonlyMap<string, FileInfo>
}

/** What a copy holds. */
export interface Contents {
  /** Whether a manifest vouches for it. */
  readonly complete: boolean
  readonly files: ReadonlyArray<{ readonly name: string, readonly size: number }>
}

const verifiedAtOnce = 4
/** A manifest may appear between two requests, and not for ever. */
const looks = 5

/** Cost: one small request, and a listing where there is no manifest. @throws FsError ENOENT, ENOTDIR, EINVAL, FORKFS_INCOMPLETE, FORKFS_PROTOCOL */
export async function planDownload (source: Address, { signal, requireComplete = false }: Verb & { readonly requireComplete?: boolean | undefined }): Promise<Plan> {
  for (let attempt = 1; attempt <= looks; attempt++) {
    const sealed = await readManifest(source, { signal })
    if (sealed !== undefined) return { source, sealed, listed: new Map(), bytes: sum(sealed.manifest.files) }
    const listed = await listContents(source, { signal })
    if (listed === 'sealed') continue // it was completed between the two requests
    if (requireComplete) throw incomplete(source, 'it has no manifest, and `requireComplete` is set')
    return { source, sealed, listed, bytes: sum([...listed.values()]) }
  }
  throw new FsError('FORKFS_CHANGED', 'its manifest comes and goes', { path: source.path, protocol: source.fs.protocol, retry: 'may' })
}

function sum (files: ReadonlyArray<{ readonly size: number | undefined }>): number {
  return files.reduce((bytes, { size }) => bytes + (size ?? 0), 0)
}

async function listContents (source: Address, { signal }: Verb): Promise<Map<string, FileInfo> | 'sealed'> {
  const { fs, path } = source
  fs.invalidateCache(path)
  const found = await fs.find(path, { detail: true, signal })
  if (found.size === 0 || found.has(path)) await checkDirectory(source, { signal })
  const contents = new Map<string, FileInfo>()
  for (const [full, info] of found) {
    const name = relative(full, path)
    if (name === manifestName) return 'sealed'
    if (name === markerName) throw unfinished(source)
    if (controlNames.has(name)) continue
    checkFileName(name)
    contents.set(name, info)
  }
  return contents
}

/** @throws FsError ENOENT, ENOTDIR */
export async function checkDirectory ({ fs, path }: Address, { signal }: Verb): Promise<void> {
  const { type } = await fs.info(path, { signal })
  if (type !== 'directory') throw new FsError('ENOTDIR', 'a checkpoint is a directory', { path, protocol: fs.protocol })
}

/**
 * Fill an empty folder. With a manifest: what it names, verified, and the manifest itself. Without: what is listed, and as it was listed
 * before so after. Metadata comes along where there is some.
 * @throws FsError ENOSPC; FORKFS_TRUNCATED, FORKFS_CHECKSUM, FORKFS_INCOMPLETE (the manifest says otherwise); FORKFS_CHANGED; `signal.reason`
 */
export async function download (plan: Plan, folder: string, { signal, progress }: Verb & { readonly progress?: Progress | undefined }): Promise<Contents> {
  const { source, sealed, listed, bytes } = plan
  await checkSpace(folder, bytes)
  const files = sealed?.manifest.files ?? [...listed].map(([name, { size }]) => ({ name, size: size ?? 0 }))
  try {
    const names = files.map(({ name }) => name)
    if (names.length > 0) await source.fs.get(names.map(name => below(source, name)), names.map(name => join(folder, name)), { signal, progress })
  } catch (error) {
    if (sealed !== undefined && isFsError(error, 'ENOENT')) throw new FsError('FORKFS_INCOMPLETE', 'the manifest names a file that is not there', { path: source.path, protocol: source.fs.protocol, cause: error })
    throw error
  }
  if (sealed === undefined) {
    await checkUnchanged(plan, { signal })
    return { complete: false, files: await sizesOf(folder, files) }
  }
  await verify(source, folder, sealed.manifest.files, signal)
  const metadata = await readBelow(source, metadataName, { signal })
  if (metadata !== undefined) await writeFile(join(folder, metadataName), metadata, { mode: 0o600 })
  await writeFile(join(folder, manifestName), sealed.data, { mode: 0o600 })
  return { complete: true, files: files.map(({ name, size }) => ({ name, size })) }
}

async function sizesOf (folder: string, files: ReadonlyArray<{ readonly name: string }>): Promise<Contents['files']> {
  const contents = files.filter(({ name }) => name !== metadataName)
  return Promise.all(contents.map(async ({ name }) => ({ name, size: (await lstat(join(folder, name))).size })))
}

/** A store has no snapshots: files of two times are found by listing again. */
async function checkUnchanged ({ source, listed }: Plan, { signal }: Verb): Promise<void> {
  const after = await listContents(source, { signal })
  const same = after !== 'sealed' && after.size === listed.size && [...listed].every(([name, info]) => {
    const now = after.get(name)
    return now !== undefined && (name === metadataName || (now.size === info.size && now.etag === info.etag && now.modified?.getTime() === info.modified?.getTime()))
  })
  if (!same) throw new FsError('FORKFS_CHANGED', 'its files changed while they were fetched', { path: source.path, protocol: source.fs.protocol, retry: 'may' })
}

async function verify (source: Address, folder: string, files: readonly ManifestFile[], signal: AbortSignal | undefined): Promise<void> {
  await runBulk(files, async ({ name, size, sha256 }, _index, inner) => {
    const path = join(folder, name)
    await checkSize(source, name, path, size)
    if (await sha256OfFile(path, inner) !== sha256) throw new FsError('FORKFS_CHECKSUM', 'its bytes are not those of the manifest', { path: below(source, name), protocol: source.fs.protocol })
  }, { concurrency: verifiedAtOnce, signal })
}

async function checkSize (source: Address, name: string, path: string, size: number): Promise<void> {
  const found = (await lstat(path)).size
  if (found !== size) throw new FsError('FORKFS_TRUNCATED', `it has ${found} bytes, the manifest says ${size}`, { path: below(source, name), protocol: source.fs.protocol })
}

/**
 * A local checkpoint is used where it is: it must be there, and not half written; sizes are those of the manifest, bytes are not looked at.
 * @throws FsError ENOENT, ENOTDIR, FORKFS_INCOMPLETE, FORKFS_TRUNCATED, FORKFS_PROTOCOL
 */
export async function checkInPlace (source: Address, { signal, requireComplete = false }: Verb & { readonly requireComplete?: boolean | undefined }): Promise<void> {
  await checkDirectory(source, { signal })
  const sealed = await readManifest(source, { signal })
  if (sealed === undefined) {
    if (await readBelow(source, markerName, { signal }) !== undefined) throw unfinished(source)
    if (requireComplete) throw incomplete(source, 'it has no manifest, and `requireComplete` is set')
    return
  }
  await runBulk(sealed.manifest.files, async ({ name, size }) => {
    const info = await source.fs.info(below(source, name), { signal }).catch((error: unknown) => {
      if (isFsError(error, 'ENOENT', 'ENOTDIR')) throw new FsError('FORKFS_INCOMPLETE', 'the manifest names a file that is not there', { path: below(source, name), cause: error })
      throw error
    })
    if (info.size !== size) throw new FsError('FORKFS_TRUNCATED', `it has ${info.size} bytes, the manifest says ${size}`, { path: info.name })
  }, { concurrency: 16, signal })
}
