import { closeSync, constants, openSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { FsError, fromNodeError } from '../../errors/index.js'
import { onReset } from '../../owner/index.js'
import { isMoved, temporaryParent } from '../../owner/private-directory.js'
import { sharedMemory } from '../layout.js'
import { temporaryContext } from '../temporary.js'
import { tracker } from '../tracker-client.js'

/**
 * How a segment comes to be in a folder. `nameless`: it never has a name (O_TMPFILE). `unlinked`: its name is gone before a byte is written.
 * Others open both through /proc, and nothing is left of them when their processes are gone. `named`: a file that they open by its path;
 * the tracker deletes the folder when this process is killed.
 */
export interface Place { readonly folder: string, readonly how: 'nameless' | 'unlinked' | 'named' }

export interface Places {
  /** The best first. */
  readonly candidates: readonly Place[]
  /** Why there is none. */
  readonly failure: unknown
}

export interface PlaceOptions {
  /** Exactly there. @defaultValue FORKFS_TMPDIR; else /dev/shm, then the system's folder for temporary files */
  readonly folder?: string | undefined
  /** For who can not see our /proc. */
  readonly named?: boolean | undefined
}

/** Not among Node's constants. The same on all systems that Node 20 has builds for. */
const temporaryFile = 0o20000000 | (constants.O_DIRECTORY ?? 0)
export const namelessFlags = temporaryFile | constants.O_RDWR

/** By options, of this epoch. */
let prepared = new Map<string, Promise<Places>>()
let settled = new Map<string, Places>()

onReset(() => {
  prepared = new Map()
  settled = new Map()
  return {}
})

function keyOf (folder: string | undefined, named: boolean): string { return `${named} ${folder ?? ''} ${process.env.FORKFS_TMPDIR ?? ''}` }

function parents (): readonly string[] { return isMoved() || process.platform !== 'linux' ? [temporaryParent()] : [sharedMemory, temporaryParent()] }

/** @throws TypeError */
export function checkFolder (name: string, folder: unknown): string | undefined {
  if (folder === undefined || (typeof folder === 'string' && isAbsolute(folder) && !folder.includes('\0'))) return folder
  throw new TypeError(`Expected \`${name}\` to be an absolute path, got \`${String(folder)}\` (${typeof folder})`)
}

/**
 * Find out once where segments can lie, so that making them needs no waiting. Without `folder` it never rejects for what a folder lacks.
 * @throws FsError for a `folder` that can not be used: ENOENT, ENOTDIR, EACCES, EROFS
 */
export function preparePlaces ({ folder, named = process.platform !== 'linux' }: PlaceOptions = {}): Promise<Places> {
  const key = keyOf(folder, named)
  const found = prepared.get(key)
  if (found !== undefined) return found
  const [promises, values] = [prepared, settled]
  const made = prepare(folder, named).then(places => {
    if (places.candidates.length > 0) values.set(key, places)
    else promises.delete(key) // the next call may retry
    return places
  }, (error: unknown) => {
    promises.delete(key)
    throw error
  })
  promises.set(key, made)
  return made
}

/** Those that were prepared for it; else what can be had without waiting. */
export function preparedPlaces (folder: string | undefined): Places {
  const known = settled.get(keyOf(folder, process.platform !== 'linux'))
  if (known !== undefined) return known
  const candidates = (folder === undefined ? parents() : [folder]).filter(takesNameless).map(each => ({ folder: each, how: 'nameless' } as const))
  const places = { candidates, failure: new FsError('ENOENT', 'no folder for shared files', { operation: 'share', path: folder }) }
  if (candidates.length > 0) settled.set(keyOf(folder, false), places)
  return places
}

async function prepare (folder: string | undefined, named: boolean): Promise<Places> {
  const candidates: Place[] = []
  let failure: unknown
  for (const parent of folder === undefined ? parents() : [folder]) {
    try {
      candidates.push(named ? await namedIn(parent) : takesNameless(parent) ? { folder: parent, how: 'nameless' } : { folder: await contextIn(parent), how: 'unlinked' })
    } catch (error) {
      failure ??= fromNodeError(error, { operation: 'share', path: parent })
    }
  }
  if (folder !== undefined && candidates.length === 0) throw failure
  return { candidates, failure: failure ?? new FsError('ENOENT', 'no folder for shared files', { operation: 'share' }) }
}

function takesNameless (folder: string): boolean {
  try {
    closeSync(openSync(folder, namelessFlags, 0o600))
    return true
  } catch {
    return false
  }
}

async function contextIn (parent: string): Promise<string> { return (await temporaryContext({ parents: [parent] })).path }

async function namedIn (parent: string): Promise<Place> {
  const folder = await contextIn(parent)
  await tracker.register(folder, 'folder')
  return { folder, how: 'named' }
}
