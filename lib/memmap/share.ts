import {
  arrayName, arrayOver, bytesOf, canMap, checkFolder, isSharedMemory, isSharingMode, LiveSharedArray, makeSegment, mapFile, notSupported, preparePlaces
} from '../resources/segments/index.js'
import type { NumericArray, SharedArray, SharingMode } from '../resources/segments/index.js'

/** How an array is shared. */
export interface AllocateOptions {
  /**
   * What receivers may do with it: read it (`r`), write for all (`r+`), write a copy of their own (`c`); another value is a TypeError. The table is
   * in docs/shared-arrays.md. @defaultValue 'r'
   */
  readonly mode?: SharingMode | undefined
  /**
   * Where files lie, an absolute path (else a TypeError); one that can not be used is ENOENT, ENOTDIR, EACCES or EROFS.
   * @defaultValue FORKFS_TMPDIR; else /dev/shm, then the system's folder for temporary files
   */
  readonly folder?: string | undefined
}

/** How share() decides, and shares. */
export interface ShareOptions extends AllocateOptions {
  /**
   * Arrays from this size on, bytes >= 0, are shared; smaller ones stay as they are and travel as copies, except with mode 'r+'. null: none.
   * @defaultValue 1 MiB
   */
  readonly maxBytes?: number | null | undefined
}

const defaultMaxBytes = 1 << 20

function got (value: unknown): string { return `got \`${String(value).slice(0, 100)}\` (${typeof value})` }

function resolve ({ mode = 'r', folder }: AllocateOptions): { readonly mode: SharingMode, readonly folder: string | undefined } {
  if (!isSharingMode(mode)) throw new TypeError(`Expected \`mode\` to be 'r', 'r+' or 'c', ${got(mode)}`)
  return { mode, folder: checkFolder('folder', folder) }
}

function resolveMaxBytes (maxBytes: unknown): number | null {
  if (maxBytes === undefined) return defaultMaxBytes
  if (maxBytes === null) return null
  if (typeof maxBytes !== 'number') throw new TypeError(`Expected \`maxBytes\` to be a number >= 0 or null, ${got(maxBytes)}`)
  if (!(maxBytes >= 0)) throw new RangeError(`Expected \`maxBytes\` to be a number >= 0 or null, ${got(maxBytes)}`)
  return maxBytes
}

function checkArray (array: unknown): asserts array is NumericArray {
  if (arrayName(array) === undefined) throw new TypeError(`Expected \`array\` to be a typed array of numbers, ${got(array)}`)
  const { buffer, length } = array as NumericArray
  if (length > 0 || isSharedMemory(buffer)) return
  try {
    new Uint8Array(buffer)
  } catch {
    throw new TypeError('Expected `array` to have memory, got a detached array')
  }
}

/**
 * Put a large array where other threads and processes can see it: one copy now, none for each receiver that can see that memory. A segment
 * in shared memory where the optional peer koffi is installed; else a SharedArrayBuffer, which is written to a file for the first other
 * process. The array passed in stays the caller's own.
 * @throws TypeError, RangeError; FsError ENOSPC, and what is wrong with `folder`; FORKFS_NOT_SUPPORTED for mode 'r+' with `maxBytes` null
 */
export async function share<A extends NumericArray> (array: A, options: ShareOptions = {}): Promise<SharedArray<A>> {
  checkArray(array)
  const { mode, folder } = resolve(options)
  const maxBytes = resolveMaxBytes(options.maxBytes)
  if (mode === 'r+' && maxBytes === null) throw notSupported('`maxBytes` null keeps it from being shared')
  const wanted = mode === 'r+' || (maxBytes !== null && array.byteLength >= maxBytes)
  if (!wanted || array.byteLength === 0) return new LiveSharedArray(array, mode, { kind: 'memory', folder })
  return create<A>(array, { name: arrayName(array)!, length: array.length, bytes: array.byteLength, mode, folder })
}

/**
 * A zeroed array that is shared from birth: filled in place, it never costs a copy.
 * @throws as share()
 */
export async function allocate<A extends NumericArray> (type: new (length: number) => A, length: number, options: AllocateOptions = {}): Promise<SharedArray<A>> {
  if (typeof type !== 'function') throw new TypeError(`Expected \`type\` to be the class of a typed array, ${got(type)}`)
  if (typeof length !== 'number') throw new TypeError(`Expected \`length\` to be an integer >= 0, ${got(length)}`)
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`Expected \`length\` to be an integer >= 0, ${got(length)}`)
  const empty = new type(0)
  if (arrayName(empty) === undefined) throw new TypeError(`Expected \`type\` to be the class of a typed array of numbers, got ${type.name}`)
  const { mode, folder } = resolve(options)
  if (length === 0) return new LiveSharedArray(empty, mode, { kind: 'memory', folder })
  return create<A>(undefined, { name: arrayName(empty)!, length, bytes: length * empty.BYTES_PER_ELEMENT, mode, folder })
}

interface Wanted extends AllocateOptions { readonly name: string, readonly length: number, readonly bytes: number, readonly mode: SharingMode }

/** Without a source: zeroes. */
async function create<A extends NumericArray> (source: A | undefined, { name, length, bytes, mode, folder }: Wanted): Promise<SharedArray<A>> {
  const places = folder === undefined && !canMap() ? undefined : await preparePlaces({ folder })
  if (places !== undefined && places.candidates.length > 0 && canMap()) {
    const segment = makeSegment(source === undefined ? bytes : bytesOf(source), places)
    // Who allocates fills it: only then nobody else may see what is written.
    const memory = mapFile(segment.fd, segment.bytes, source === undefined || mode === 'r+')
    if (memory !== undefined) return new LiveSharedArray(arrayOver(name, memory, 0, length) as A, mode, { kind: 'segment', segment })
    segment.close()
  }
  if (source !== undefined && isSharedMemory(source.buffer)) return new LiveSharedArray(source, mode, { kind: 'memory', folder })
  const memory = new SharedArrayBuffer(bytes)
  const array = arrayOver(name, memory, 0, length) as A
  if (source !== undefined) array.set(source as never)
  return new LiveSharedArray(array, mode, { kind: 'memory', folder })
}
