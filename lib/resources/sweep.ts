import { appendFile, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { fromNodeError, isNodeError } from '../errors/index.js'
import { onReset, randomHex, sameOwner } from '../owner/index.js'
import type { OwnerTag } from '../owner/index.js'
import { isAlive, toOwnerRecord, untouchedMs, verdictOf } from '../owner/liveness.js'
import type { OwnerRecord } from '../owner/liveness.js'
import { claimFolder, removeEmptyFolder, sweepOwnerFolders } from '../owner/owner-files.js'
import type { OwnerFile } from '../owner/owner-files.js'
import { checkPrivate, forkfsPath } from '../owner/private-directory.js'
import { deletePath } from './delete.js'
import { parseJournal } from './journal.js'
import type { JournalEntry, ReadJournal } from './journal.js'
import { knownBases, ownedPattern, ownerFile, rooms, trash, unfinished } from './layout.js'

/** An open entry of a dead owner's journal. */
export interface Leftover extends JournalEntry {
  readonly id: string
  /** When it was written, in ms since 1970. */
  readonly at: number
  readonly owner: OwnerTag
}

/**
 * Take care of one leftover: it may be called again for the same one (a crash in between), so a thing that is gone is done. `done`: the
 * entry, and the files it kept, may go. `keep`: for a later sweep. A dry run asks as well, and notes nothing.
 */
export type LeftoverHandler = (leftover: Leftover, options: { readonly signal: AbortSignal | undefined, /** Only answer what would be done. */ readonly dryRun: boolean }) => Promise<'done' | 'keep'>

export interface SweepOptions {
  /** Folders whose `forkfs-<uid>` is swept. @defaultValue FORKFS_TMPDIR; else the system's temporary folder and /dev/shm */
  readonly parents?: readonly string[] | undefined
  /** Whether leftovers are handed to their handlers: they may use the network. @defaultValue true */
  readonly journals?: boolean | undefined
  /** Only tell what would be done. @defaultValue false */
  readonly dryRun?: boolean | undefined
  /** How long to wait for another process that is sweeping. @defaultValue 0 */
  readonly patienceMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SweepReport {
  /** False where another process was sweeping: it does the work. */
  readonly swept: boolean
  /** Roots of dead owners that were removed. */
  readonly roots: number
  /** Leftovers that their handlers did. */
  readonly done: number
  /** Leftovers that stay: no handler of that kind here, it said so, or it failed. */
  readonly kept: number
  readonly failures: readonly unknown[]
}

const handlers = new Map<string, LeftoverHandler>()

/** Handle leftovers of this kind in sweeps of this thread. A later handler replaces the former. @returns a function that withdraws it */
export function handleLeftovers (kind: string, handler: LeftoverHandler): () => void {
  handlers.set(kind, handler)
  return () => { if (handlers.get(kind) === handler) handlers.delete(kind) }
}

/**
 * Remove what dead owners left: temporary roots, files of locks and leases in the default lock directory, the entries of their journals. Who
 * is alive: see lib/owner/liveness.ts. One process at a time; whoever finds another at it leaves it to that one.
 */
export async function sweep (options: SweepOptions = {}): Promise<SweepReport> {
  const bases = options.parents?.map(parent => forkfsPath(parent)) ?? knownBases()
  return run(bases, { ...options, isDead: (owner, touchedAt) => !isAlive(owner, touchedAt), byAge: true, patienceMs: options.patienceMs ?? 0 })
}

/** The same for one dead owner, and for what else its process or thread held here. Waits a moment where another sweeps. */
export async function sweepOwner (owner: OwnerTag): Promise<SweepReport> {
  const isDead = (record: OwnerRecord): boolean => {
    if (record.pid !== owner.pid) return false
    const verdict = verdictOf(record)
    return verdict === 'dead' || (verdict === 'unknown' && sameOwner(record, owner))
  }
  const turn = releases.then(() => run(knownBases(), { isDead, byAge: false, patienceMs: 2000 }))
  releases = turn.catch(() => {})
  return turn
}

/** A pool's workers end together: one after the other is faster than all against each other. */
let releases: Promise<unknown> = Promise.resolve()

let begun = false

/** Files only, once per epoch, in the background: nobody waits for it, and a failure is left to the next. */
export function sweepOnce (): void {
  if (begun) return
  begun = true
  sweep({ journals: false }).catch(() => {})
}

onReset(() => {
  begun = false
  releases = Promise.resolve()
  return {}
})

interface Rules extends SweepOptions {
  readonly isDead: (owner: OwnerRecord, touchedAt: number) => boolean
  /** Whether what names no owner may go when it is old. */
  readonly byAge: boolean
  readonly patienceMs: number
}

interface Counts { swept: boolean, roots: number, done: number, kept: number, failures: unknown[] }

async function run (bases: readonly string[], rules: Rules): Promise<SweepReport> {
  const counts: Counts = { swept: false, roots: 0, done: 0, kept: 0, failures: [] }
  for (const base of bases) {
    rules.signal?.throwIfAborted()
    try { await checkPrivate(base) } catch { continue } // not there, or not ours to touch
    const claim = await claimWithin(join(base, rooms.sweep), rules.patienceMs)
    if (claim === undefined) continue
    try {
      // In this order: who is dead before the journals are read adds nothing to them that would be missed.
      const roots = await deadRoots(join(base, rooms.roots), rules, counts)
      const keeps = await sweepJournals(join(base, rooms.journal), rules, counts)
      await sweepRoots(roots, keeps, rules, counts)
      if (rules.dryRun !== true) counts.failures.push(...await sweepOwnerFolders(join(base, rooms.locks)))
      counts.swept = true
    } finally {
      await claim.remove()
      await removeEmptyFolder(join(base, rooms.sweep))
    }
  }
  return counts
}

async function claimWithin (folder: string, patienceMs: number): Promise<OwnerFile | undefined> {
  for (const end = performance.now() + patienceMs; ;) {
    const claim = await claimFolder(folder)
    if (claim !== undefined || performance.now() >= end) return claim
    await new Promise(resolve => { setTimeout(resolve, 10 + Math.random() * 40) })
  }
}

async function list (folder: string): Promise<string[]> {
  try { return await readdir(folder) } catch (error) {
    if (isNodeError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return []
    throw fromNodeError(error, { operation: 'sweep', path: folder })
  }
}

async function age (path: string): Promise<number | undefined> {
  try { return Date.now() - (await stat(path)).mtimeMs } catch { return undefined }
}

/** @returns the files that open entries keep, of all owners */
async function sweepJournals (folder: string, rules: Rules, counts: Counts): Promise<string[]> {
  const keeps: string[] = []
  for (const name of await list(folder)) {
    const path = join(folder, name)
    try {
      if (name.startsWith(unfinished)) {
        if (rules.dryRun !== true && isDeadJournal(await readJournal(path), rules)) await unlink(path)
      } else if (ownedPattern.test(name)) {
        keeps.push(...await sweepJournal(path, rules, counts))
      }
    } catch (error) {
      if (rules.signal?.aborted === true) throw error
      if (!isNodeError(error) || error.code !== 'ENOENT') counts.failures.push(error) // ENOENT: its owner was done with it
    }
  }
  return keeps
}

interface FoundJournal extends ReadJournal { readonly touchedAt: number }

async function readJournal (path: string): Promise<FoundJournal> {
  const touchedAt = (await stat(path)).mtimeMs
  return { ...parseJournal(await readFile(path, 'utf8')), touchedAt }
}

function isDeadJournal ({ owner: found, touchedAt }: FoundJournal, rules: Rules): boolean {
  const owner = toOwnerRecord(found)
  return owner === undefined ? rules.byAge && Date.now() - touchedAt > untouchedMs : rules.isDead(owner, touchedAt)
}

async function sweepJournal (path: string, rules: Rules, counts: Counts): Promise<string[]> {
  const found = await readJournal(path)
  const dead = isDeadJournal(found, rules)
  const journal = dead ? await readJournal(path) : found // what its owner wrote at the last moment
  if (dead && rules.journals !== false) return settle(path, journal, rules, counts)
  if (dead) counts.kept += journal.open.length
  return journal.open.flatMap(entry => entry.keeps ?? [])
}

async function settle (path: string, journal: ReadJournal, { signal, dryRun = false }: Rules, counts: Counts): Promise<string[]> {
  const keeps: string[] = []
  for (const entry of journal.open) {
    signal?.throwIfAborted()
    const handler = handlers.get(entry.kind)
    let answer: 'done' | 'keep' = 'keep'
    try {
      answer = await handler?.({ ...entry, owner: journal.owner as OwnerTag }, { signal, dryRun }) ?? 'keep'
    } catch (error) {
      signal?.throwIfAborted()
      counts.failures.push(error)
    }
    if (answer === 'done') {
      counts.done++
      if (!dryRun) await appendFile(path, `\n${JSON.stringify({ done: entry.id })}`)
    } else {
      counts.kept++
      keeps.push(...entry.keeps ?? [])
    }
  }
  if (!dryRun && parseJournal(await readFile(path, 'utf8')).open.length === 0) await unlink(path)
  return keeps
}

/** @returns paths of what dead owners left, and of what was being removed */
async function deadRoots (folder: string, rules: Rules, counts: Counts): Promise<string[]> {
  const found: string[] = []
  for (const name of await list(folder)) {
    rules.signal?.throwIfAborted()
    const path = join(folder, name)
    try {
      if (name.startsWith(trash) || ((name.startsWith(unfinished) || ownedPattern.test(name)) && await isDeadRoot(path, rules))) found.push(path)
    } catch (error) {
      counts.failures.push(error)
    }
  }
  return found
}

async function sweepRoots (roots: readonly string[], keeps: readonly string[], rules: Rules, counts: Counts): Promise<void> {
  for (const path of roots) {
    rules.signal?.throwIfAborted()
    try {
      if (!basename(path).startsWith(trash)) await sweepRoot(path, keeps, rules, counts)
      else if (rules.dryRun !== true) await deletePath(path)
    } catch (error) {
      counts.failures.push(error)
    }
  }
}

async function sweepRoot (path: string, keeps: readonly string[], rules: Rules, counts: Counts): Promise<void> {
  const kept = keeps.filter(file => file.startsWith(path + sep))
  if (kept.length > 0) {
    if (rules.dryRun !== true) await thinOut(path, kept)
    return
  }
  if (rules.dryRun !== true) {
    const gone = join(dirname(path), `${trash}${randomHex(8)}`)
    await rename(path, gone) // only one can do it, and it is out of the way at once
    await deletePath(gone)
  }
  counts.roots++
}

async function isDeadRoot (path: string, rules: Rules): Promise<boolean> {
  const file = join(path, ownerFile)
  let record: OwnerRecord | undefined
  let touchedAt = 0
  try {
    touchedAt = (await stat(file)).mtimeMs
    record = toOwnerRecord((JSON.parse(await readFile(file, 'utf8')) as { owner?: unknown }).owner)
  } catch { /* it was never finished, or is being removed */ }
  if (record !== undefined) return rules.isDead(record, touchedAt)
  return rules.byAge && (await age(path) ?? 0) > untouchedMs
}

/** Remove the contexts that hold nothing that the journal keeps. */
async function thinOut (path: string, kept: readonly string[]): Promise<void> {
  for (const name of await list(path)) {
    const context = join(path, name)
    if (name !== ownerFile && !kept.some(file => file === context || file.startsWith(context + sep))) await deletePath(context)
  }
}
