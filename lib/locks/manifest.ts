import { lstat, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeError } from '../errors/index.js'
import { ownerRecord } from '../owner/liveness.js'

/** What makes a directory complete: written last, published with it by one rename. */
export interface Manifest {
  readonly version: 1
  readonly key: string
  /** Relative, with `/`; sizes in bytes. */
  readonly files: ReadonlyArray<{ readonly path: string, readonly size: number }>
  /** What the maker returned. */
  readonly info: unknown
  /** To be removed when nobody uses it. */
  readonly transient: boolean
  /** Within one boot of the machine what was written is there; after a crash of the machine sizes are looked at. */
  readonly bootId: string | null
}

async function listFiles (folder: string, prefix = ''): Promise<Array<{ path: string, size: number }>> {
  const files: Array<{ path: string, size: number }> = []
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) files.push(...await listFiles(folder, path))
    else files.push({ path, size: (await lstat(join(folder, path))).size })
  }
  return files
}

/** @throws what JSON.stringify throws for an `info` that is no JSON */
export async function writeManifest (path: string, folder: string, fields: { readonly key: string, readonly info: unknown, readonly transient: boolean }): Promise<Manifest> {
  const manifest: Manifest = { version: 1, ...fields, info: fields.info ?? null, files: await listFiles(folder), bootId: ownerRecord().bootId }
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(JSON.stringify(manifest))
    await handle.sync()
  } finally {
    await handle.close()
  }
  return manifest
}

async function sameSizes (folder: string, files: Manifest['files']): Promise<boolean> {
  for (const { path, size } of files) {
    const stats = await lstat(join(folder, path)).catch(() => undefined)
    if (stats?.size !== size) return false
  }
  return true
}

/** @returns undefined where there is none, or what it says is not there */
export async function readManifest (path: string, folder: string, key?: string): Promise<Manifest | undefined> {
  let manifest: Manifest
  try {
    manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest
  } catch (error) {
    if (error instanceof SyntaxError || (isNodeError(error) && error.code === 'ENOENT')) return undefined
    throw error
  }
  if (typeof manifest !== 'object' || manifest === null || manifest.version !== 1 || !Array.isArray(manifest.files)) return undefined
  if (key !== undefined && manifest.key !== key) return undefined
  const sure = manifest.bootId !== null && manifest.bootId === ownerRecord().bootId
  return sure || await sameSizes(folder, manifest.files) ? manifest : undefined
}
