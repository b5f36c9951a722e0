import { unlinkSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isNodeError } from '../errors/index.js'
import { isAlive, ownerRecord, toOwnerRecord, untouchedMs } from './liveness.js'
import type { OwnerRecord } from './liveness.js'
import { ownerName, randomHex } from './realm.js'
import { keepTouched } from './touch.js'

/**
 * Folders in which each holder has a file of its own that names it: leases, users of a lock. Names are never used twice, so a dead
 * owner's file can be removed at any time without a race; a file appears whole, by rename.
 */

/** A file of ours in such a folder. It is touched once a minute while it is there. */
export interface OwnerFile {
  readonly path: string
  readonly name: string
  /** Idempotent; the file of an owner that was is never asked for. */
  remove (): Promise<void>
  removeSync (): void
}

export interface FoundOwnerFile {
  readonly path: string
  readonly name: string
  readonly owner: OwnerRecord
  /** What its owner wrote beside its record. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** How long an unfinished file of a live owner, or of one that can not be told, may lie there: it is written in a moment. */
const unfinishedMs = 60_000
/** How names of what is being made begin. */
export const unfinished = '.new-'

async function ignoring (codes: readonly string[], work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (isNodeError(error) && codes.includes(error.code ?? '')) return false
    throw error
  }
}

async function write (path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try { await handle.writeFile(text) } finally { await handle.close() }
}

/** Put a file of this owner's into the folder (made if need be, mode 0700, in a parent that exists). Cost: four calls of the system. */
export async function addOwnerFile (folder: string, fields: Readonly<Record<string, unknown>> = {}): Promise<OwnerFile> {
  const name = `${ownerName()}-${randomHex(4)}`
  const path = join(folder, name)
  const first = join(folder, `${unfinished}${name}`)
  const text = JSON.stringify({ owner: ownerRecord(), ...fields })
  for (let attempt = 0; ; attempt++) {
    await ignoring(['EEXIST'], mkdir(folder, { mode: 0o700 }))
    try {
      await write(first, text)
      await rename(first, path)
      break
    } catch (error) {
      // Whoever left last has removed the folder, or the unfinished file of a process that was stopped for long.
      if (!isNodeError(error) || error.code !== 'ENOENT' || attempt >= 20) {
        await unlink(first).catch(() => {})
        throw error
      }
    }
  }
  const release = keepTouched(path)
  return {
    path,
    name,
    async remove () {
      release()
      await ignoring(['ENOENT'], unlink(path))
    },
    removeSync () {
      release()
      try { unlinkSync(path) } catch { /* gone, or swept later */ }
    }
  }
}

async function removeUnfinished (path: string): Promise<void> {
  const { mtimeMs } = await stat(path)
  const owner = toOwnerRecord(parse(await readFile(path, 'utf8')).owner)
  if (Date.now() - mtimeMs > unfinishedMs || (owner !== undefined && !isAlive(owner, mtimeMs))) await unlink(path)
}

/** What a file says: nothing where it is torn, or not ours. */
function parse (text: string): { readonly owner?: unknown } & Readonly<Record<string, unknown>> {
  try { return (JSON.parse(text) ?? {}) as Record<string, unknown> } catch { return {} }
}

async function find (folder: string, name: string): Promise<FoundOwnerFile | 'dead' | undefined> {
  const path = join(folder, name)
  const { mtimeMs } = await stat(path)
  const { owner: found, ...fields } = parse(await readFile(path, 'utf8'))
  const owner = toOwnerRecord(found)
  // Not ours to read: by its age alone.
  if (owner === undefined) return Date.now() - mtimeMs < untouchedMs ? undefined : 'dead'
  return isAlive(owner, mtimeMs) ? { path, name, owner, fields } : 'dead'
}

/**
 * The files of live owners in the folder, in no order; those of dead owners are removed on the way. A folder that is not there is
 * empty. `but`: the name of one that is not looked at.
 */
export async function liveOwnerFiles (folder: string, but?: string): Promise<FoundOwnerFile[]> {
  const found: FoundOwnerFile[] = []
  let names: string[]
  try { names = await readdir(folder) } catch (error) {
    if (isNodeError(error) && error.code === 'ENOENT') return found
    throw error
  }
  for (const name of names) {
    if (name === but) continue
    if (name.startsWith('.')) {
      if (name.startsWith(unfinished)) await ignoring(['ENOENT'], removeUnfinished(join(folder, name)))
      continue
    }
    if (!ownedName.test(name)) continue
    try {
      const file = await find(folder, name)
      if (file === 'dead') await unlink(join(folder, name))
      else if (file !== undefined) found.push(file)
    } catch (error) {
      if (!isNodeError(error) || error.code !== 'ENOENT') throw error
    }
  }
  return found
}

/** `pid.threadId.realm.epoch-random` */
const ownedName = /^\d+\.\d+\.[^/]+\.\d+-[0-9a-f]+$/

/**
 * Hold the folder alone, or not at all: put a file there, then look; whoever sees another live owner's withdraws. Two that come at the
 * same time may both withdraw, two can never both stay. Nothing is taken over, so nothing can be taken over twice.
 */
export async function claimFolder (folder: string, fields: Readonly<Record<string, unknown>> = {}): Promise<OwnerFile | undefined> {
  if ((await liveOwnerFiles(folder)).length > 0) return undefined
  const file = await addOwnerFile(folder, fields)
  try {
    if ((await liveOwnerFiles(folder, file.name)).length === 0) return file
  } catch (error) {
    await file.remove()
    throw error
  }
  await file.remove()
  return undefined
}

/** Remove the folder if nobody is in it. */
export async function removeEmptyFolder (folder: string): Promise<void> {
  await ignoring(['ENOENT', 'ENOTEMPTY', 'EEXIST'], rmdir(folder))
}

/** In a folder of such folders: what dead owners left in each and beside them, and each that nobody is in. @returns what could not be done */
export async function sweepOwnerFolders (folder: string): Promise<unknown[]> {
  const failures: unknown[] = []
  const names = await readdir(folder).catch((error: unknown) => {
    if (isNodeError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw error
  })
  for (const name of names) {
    const path = join(folder, name)
    try {
      if (name.startsWith(unfinished)) await ignoring(['ENOENT', 'EISDIR'], removeUnfinished(path))
      else if (!name.startsWith('.') && (await liveOwnerFiles(path)).length === 0) await removeEmptyFolder(path)
    } catch (error) {
      if (!isNodeError(error) || error.code !== 'ENOTDIR') failures.push(error)
    }
  }
  return failures
}
