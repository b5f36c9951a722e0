import { closeSync, fdatasyncSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { FsError, fromNodeError } from '../errors/index.js'
import { closeHandle, holdHandle, onReset, ownerName, randomHex, realm } from '../owner/index.js'
import { ownerRecord } from '../owner/liveness.js'
import { forkfsDirectory, forkfsPath } from '../owner/private-directory.js'
import { keepTouched } from '../owner/touch.js'
import { rooms } from './layout.js'

/**
 * What an owner must not leave behind elsewhere, written down before it is begun: the next process's sweep hands what is still open to
 * the handler of its kind. One file per owner, lines of JSON: the owner first, then entries `{id, kind, …}` and `{done: id}`. Each line
 * begins with its line break, so that a line torn by a crash spoils no other.
 */
export interface JournalEntry {
  /** Who handles it: see handleLeftovers(). */
  readonly kind: string
  /** What the handler needs: JSON. No secrets: it stays on disk for as long as it is open. */
  readonly data: unknown
  /** Files of temporary contexts that must outlive this process while the entry is open. Absolute. */
  readonly keeps?: readonly string[] | undefined
}

export interface JournalTicket {
  readonly id: string
  /** It is taken care of. Idempotent; after a reset it does nothing: another owner decides. */
  done (): Promise<void>
  doneSync (): void
}

interface Open { readonly keeps: readonly string[] }

/** Entries of this owner that are not done. */
const entries = new Map<string, Open>()

/** Whether an open entry of this owner keeps the file, or something in the folder. */
export function isKept (path: string): boolean {
  for (const { keeps } of entries.values()) {
    if (keeps.some(kept => kept === path || kept.startsWith(path + sep))) return true
  }
  return false
}

interface Journal { readonly path: string, readonly handle: FileHandle, readonly untouch: () => void, open: number }

let current: { readonly base: string, readonly opened: Promise<Journal> } | undefined
let tail: Promise<unknown> = Promise.resolve()

/** One writer at a time: lines follow each other, and the last one done removes the file. */
function inTurn<T> (work: () => Promise<T>): Promise<T> {
  const { epoch } = realm
  const turn = tail.then(() => {
    if (epoch !== realm.epoch) throw resetError()
    return work()
  })
  tail = turn.catch(() => {})
  return turn
}

function resetError (): FsError { return new FsError('FORKFS_RESET', 'resetForFork() was called: the journal is another owner\'s', { operation: 'journal' }) }

function begin (entry: JournalEntry): { readonly id: string, readonly line: string } {
  const { kind, data, keeps = [] } = entry
  if (typeof kind !== 'string' || kind === '') throw new TypeError(`Expected \`kind\` to be a string that is not empty, got \`${String(kind)}\` (${typeof kind})`)
  const id = randomHex(8)
  const line = `\n${JSON.stringify({ id, kind, data, keeps, at: Date.now() })}`
  entries.set(id, { keeps })
  return { id, line }
}

/**
 * Write an entry; it is on disk when this resolves. Cost: one write and one fdatasync, the first one a file more.
 * @throws FsError ENOSPC, EACCES, EROFS, FORKFS_RESET: then nothing is recorded, and what was to be begun must not be
 */
export async function journalAdd (entry: JournalEntry): Promise<JournalTicket> {
  const { epoch } = realm
  const { id, line } = begin(entry)
  try {
    const journal = await inTurn(async () => {
      const base = forkfsPath()
      if (current?.base !== base) current = { base, opened: create() } // FORKFS_TMPDIR may name another folder by now: recover() looks there
      const opened = await current.opened.catch((error: unknown) => {
        current = undefined // the next entry may retry
        throw error
      })
      await opened.handle.appendFile(line)
      await opened.handle.datasync()
      opened.open++
      return opened
    })
    return new Ticket(id, journal)
  } catch (error) {
    entries.delete(id)
    throw epoch === realm.epoch ? fromNodeError(error, { operation: 'journal' }) : resetError()
  }
}

async function create (): Promise<Journal> {
  const folder = await forkfsDirectory(rooms.journal)
  const { path, first } = names(folder)
  const handle = holdHandle(await open(first, 'ax', 0o600))
  try {
    await handle.appendFile(JSON.stringify({ owner: ownerRecord() }))
    await handle.datasync()
    await rename(first, path) // never seen without its owner
    await syncFolder(folder)
  } catch (error) {
    await closeHandle(handle)
    await unlink(first).catch(() => {})
    throw error
  }
  return { path, handle, untouch: keepTouched(path), open: 0 }
}

function names (folder: string): { readonly path: string, readonly first: string } {
  const name = `${ownerName()}-${randomHex(4)}.jsonl`
  return { path: join(folder, name), first: join(folder, `.new-${name}`) }
}

async function syncFolder (folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try { await handle.sync() } finally { await handle.close() }
  } catch { /* not every system can open a folder */ }
}

/**
 * For `exit` handlers: a journal of its own, on disk when this returns. Needs the folder, which any temporary context's base has.
 * @throws FsError as journalAdd()
 */
export function journalAddSync (entry: JournalEntry): JournalTicket {
  const { id, line } = begin(entry)
  const folder = join(forkfsPath(), rooms.journal)
  const { path, first } = names(folder)
  try {
    makeFolderSync(folder)
    const fd = openSync(first, 'ax', 0o600)
    try {
      writeSync(fd, JSON.stringify({ owner: ownerRecord() }) + line)
      fdatasyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(first, path)
  } catch (error) {
    entries.delete(id)
    throw fromNodeError(error, { operation: 'journal', path })
  }
  return new Ticket(id, { path, handle: undefined, untouch: () => {}, open: 1 })
}

function makeFolderSync (folder: string): void {
  const { lstatSync, mkdirSync } = process.getBuiltinModule('node:fs')
  for (const path of [dirname(folder), folder]) {
    try { mkdirSync(path, { mode: 0o700 }) } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const stats = lstatSync(path)
      const uid = process.getuid?.()
      if (!stats.isDirectory() || (uid !== undefined && (stats.uid !== uid || (stats.mode & 0o077) !== 0))) throw new FsError('EACCES', 'a private folder is not private', { path })
    }
  }
}

class Ticket implements JournalTicket {
  readonly id: string
  readonly #journal: Omit<Journal, 'handle'> & { readonly handle: FileHandle | undefined }
  readonly #epoch = realm.epoch

  constructor (id: string, journal: Omit<Journal, 'handle'> & { readonly handle: FileHandle | undefined }) {
    this.id = id
    this.#journal = journal
  }

  async done (): Promise<void> {
    const journal = this.#journal
    if (this.#epoch !== realm.epoch || !entries.delete(this.id)) return
    if (journal.handle === undefined) { await unlink(journal.path); return }
    const { handle } = journal
    try {
      await inTurn(async () => {
        if (--journal.open > 0) {
          await handle.appendFile(`\n${JSON.stringify({ done: this.id })}`) // lost in a crash of the machine: handlers see it once more
          return
        }
        current = undefined
        journal.untouch()
        await unlink(journal.path)
        await closeHandle(handle)
      })
    } catch (error) {
      throw fromNodeError(error, { operation: 'journal', path: journal.path })
    }
  }

  doneSync (): void {
    const journal = this.#journal
    if (this.#epoch !== realm.epoch || !entries.delete(this.id)) return
    if (--journal.open > 0 && journal.handle !== undefined) {
      writeSync(journal.handle.fd, `\n${JSON.stringify({ done: this.id })}`)
      return
    }
    journal.untouch()
    try { unlinkSync(journal.path) } catch { /* gone */ }
    if (journal.handle === undefined) return
    current = undefined
    closeHandle(journal.handle).catch(() => {}) // what it was open for is gone
  }
}

/** The journal of somebody else, as it was found. */
export interface ReadJournal { readonly owner: unknown, readonly open: ReadonlyArray<JournalEntry & { readonly id: string, readonly at: number }> }

export function parseJournal (text: string): ReadJournal {
  const found = new Map<string, JournalEntry & { id: string, at: number }>()
  let owner: unknown
  for (const line of text.split('\n')) {
    let value: Record<string, unknown>
    try { value = JSON.parse(line) as Record<string, unknown> } catch { continue } // torn
    if (typeof value !== 'object' || value === null) continue
    if (value.owner !== undefined) owner ??= value.owner
    else if (typeof value.done === 'string') found.delete(value.done)
    else if (typeof value.id === 'string' && typeof value.kind === 'string') {
      const keeps = Array.isArray(value.keeps) ? value.keeps.filter(path => typeof path === 'string') : []
      found.set(value.id, { id: value.id, kind: value.kind, data: value.data, keeps, at: Number(value.at) })
    }
  }
  return { owner, open: [...found.values()] }
}

onReset(() => {
  // The file is not ours any more.
  current = undefined
  entries.clear()
  tail = Promise.resolve()
  return {}
})
