import { closeSync, constants, fstatSync, openSync, readSync, statfsSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { FsError, fromNodeError, isFsError } from '../../errors/index.js'
import { onReset, randomHex } from '../../owner/index.js'
import { sharedMemory } from '../layout.js'
import { namelessFlags } from './places.js'
import type { Place, Places } from './places.js'

/**
 * Bytes in a file that other processes can open: the contents, then a nonce that no other file ends in. Written whole before anybody hears
 * of it, never changed in length. Everything is synchronous: what is sent is what the array held at that moment.
 */
export interface Segment {
  readonly ref: SegmentRef
  readonly fd: number
  /** Of the contents. */
  readonly bytes: number
  /** Idempotent. Who has opened it keeps it. */
  close (): void
}

/** How another process finds it. Plain JSON. */
export interface SegmentRef {
  readonly pid?: number | undefined
  readonly fd?: number | undefined
  readonly path?: string | undefined
  /** Device and inode. */
  readonly file: string
  readonly bytes: number
  readonly nonce: string
}

const nonceBytes = 16
/** How much of what is free may be taken, and how much of shared memory in all: others write too, and it is memory. */
const shareOfFree = 0.9
const shareOfMemory = 0.5
const zeroes = 1 << 20

/** A descriptor, as a thing of its own: its number is somebody else's after a reset. */
export interface OpenFile { readonly fd: number }

/** What this epoch opened. */
const open = new Set<OpenFile>()

onReset(mode => {
  const clients = open.size
  if (mode === 'drop') for (const { fd } of open) try { closeSync(fd) } catch { /* forgotten all the same */ }
  open.clear()
  return { clients }
})

/** Idempotent. */
export function closeFile (file: OpenFile): void { if (open.delete(file)) closeSync(file.fd) }

/** Room is looked up, not reserved: a full file system ends the write with ENOSPC. */
function checkRoom ({ folder }: Place, bytes: number): void {
  const { bavail, blocks, bsize } = statfsSync(folder)
  const free = bavail * bsize * shareOfFree
  const limit = folder === sharedMemory || folder.startsWith(`${sharedMemory}/`) ? Math.min(free, (bavail - blocks * (1 - shareOfMemory)) * bsize) : free
  if (bytes > limit) throw new FsError('ENOSPC', `${bytes} bytes are wanted and ${Math.max(0, Math.floor(limit))} may be taken`, { operation: 'share', path: folder })
}

function create ({ folder, how }: Place): { readonly fd: number, readonly path: string | undefined } {
  if (how === 'nameless') return { fd: openSync(folder, namelessFlags, 0o600), path: undefined }
  const path = join(folder, randomHex(8))
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  if (how === 'unlinked') unlinkSync(path)
  return { fd, path: how === 'named' ? path : undefined }
}

function writeAll (fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done, bytes.byteLength - done, position + done)
}

function fill (fd: number, contents: Uint8Array | number): number {
  if (typeof contents !== 'number') {
    writeAll(fd, contents, 0)
    return contents.byteLength
  }
  const block = new Uint8Array(Math.min(zeroes, contents))
  for (let done = 0; done < contents; done += block.byteLength) writeAll(fd, block.subarray(0, Math.min(block.byteLength, contents - done)), done)
  return contents
}

function makeIn (place: Place, contents: Uint8Array | number): Segment {
  const wanted = typeof contents === 'number' ? contents : contents.byteLength
  checkRoom(place, wanted)
  const { fd, path } = create(place)
  const file: OpenFile = { fd }
  open.add(file)
  const close = (): void => {
    if (path !== undefined && open.has(file)) try { unlinkSync(path) } catch { /* gone already, or busy: it goes with its folder */ }
    closeFile(file)
  }
  try {
    const bytes = fill(fd, contents)
    const nonce = randomHex(nonceBytes)
    writeAll(fd, Buffer.from(nonce, 'hex'), bytes)
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return { fd, bytes, close, ref: { ...(path === undefined ? { pid: process.pid, fd } : { path }), file: `${dev}:${ino}`, bytes, nonce } }
  } catch (error) {
    close()
    throw error
  }
}

let warned = false

function warn ({ folder }: Place, why: unknown): void {
  if (warned) return
  warned = true
  process.emitWarning(`shared arrays go to ${folder}, which may be slower: ${String(why)}`, 'ForkfsWarning')
}

/**
 * A new segment with these bytes, or with so many zeroes, in the first place that has room.
 * @throws FsError ENOSPC where all are full; what else kept it from all of them. Nothing is left
 */
export function makeSegment (contents: Uint8Array | number, { candidates, failure }: Places): Segment {
  let first = candidates.length === 0 ? failure : undefined
  for (const place of candidates) {
    try {
      const segment = makeIn(place, contents)
      if (first !== undefined) warn(place, first)
      return segment
    } catch (error) {
      const translated = fromNodeError(error, { operation: 'share', path: place.folder })
      if (first === undefined || isFsError(translated, 'ENOSPC')) first = translated
    }
  }
  throw first
}

function stale (why: string, ref: SegmentRef, cause?: unknown): FsError {
  return new FsError('FORKFS_STALE_SEGMENT', `${why}: the shared array was released, or its owner has ended`, { operation: 'share', path: ref.path, cause })
}

/** @throws FsError FORKFS_DESCRIPTOR */
export function checkRef (value: unknown): SegmentRef {
  const { pid, fd, path, file, bytes, nonce } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const counts = (item: unknown): boolean => Number.isSafeInteger(item) && (item as number) >= 0
  const placed = path === undefined ? counts(pid) && counts(fd) : typeof path === 'string' && !path.includes('\0')
  if (placed && typeof file === 'string' && counts(bytes) && typeof nonce === 'string' && /^[0-9a-f]{32}$/.test(nonce)) return value as SegmentRef
  throw new FsError('FORKFS_DESCRIPTOR', 'a descriptor of a shared array has no segment that could be found', { operation: 'revive' })
}

/**
 * Open somebody's segment and see that it is the one that is meant. @param write for a mapping that is shared
 * @returns what closeFile() closes
 * @throws FsError FORKFS_STALE_SEGMENT: it is gone, or something else has its place; never other bytes
 */
export function openSegment (ref: SegmentRef, write = false): OpenFile {
  const path = ref.path ?? `/proc/${ref.pid}/fd/${ref.fd}`
  let fd: number
  try {
    // Looked at before it is opened: opening what may have taken its place (a pipe, a device) can wait, or do something.
    const { dev, ino, size } = statSync(path, { bigint: true })
    if (`${dev}:${ino}` !== ref.file || size !== BigInt(ref.bytes + nonceBytes)) throw stale('something else has its place', ref)
    fd = openSync(path, (write ? constants.O_RDWR : constants.O_RDONLY) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    throw isFsError(error) ? error : stale('it can not be opened', ref, error)
  }
  const opened: OpenFile = { fd }
  open.add(opened)
  const nonce = Buffer.alloc(nonceBytes)
  try {
    readAll(fd, nonce, ref.bytes)
  } catch { /* something else, shorter */ }
  if (nonce.toString('hex') === ref.nonce) return opened
  closeFile(opened)
  throw stale('something else has its place', ref)
}

/** @throws FsError FORKFS_TRUNCATED */
export function readAll (fd: number, target: Uint8Array, position: number): void {
  for (let done = 0; done < target.byteLength;) {
    const count = readSync(fd, target, done, target.byteLength - done, position + done)
    if (count === 0) throw new FsError('FORKFS_TRUNCATED', 'a shared file is shorter than it was', { operation: 'share' })
    done += count
  }
}
