/**
 * CRC-32C of long data by folding, in WebAssembly that is written here, sixteen bytes at a time and without a table: x^2744 + x^1416 + x^1304 +
 * x^1240 + x^1088 + 1 is a multiple of the polynomial, so that a byte may be taken out of the data once it is XORed into those 166, 180, 188, 207 and
 * 343 places behind it (a sparse multiple, as in Russell's "Chorba"). What is left is the end, short and with the CRC of the whole. 0.2 CPU-seconds
 * per GiB, as much as the processor's own instruction takes behind a native module, where looking bytes up in tables takes 1. The format is
 * that of the WebAssembly core specification, 2.0.
 */

/** Found by search: of all multiples with five such places, the shortest whose nearest one is so far behind that no read waits for a write. */
const places = [166, 180, 188, 207, 343] as const
const furthest = places.at(-1)!

/** Data may be folded from here on, and is worth it. */
export const leastFolded = 4096

/**
 * Gives a short piece whose CRC-32C behind {@link foldedBefore} is that of the data behind bytes with the CRC-32C `before`. It holds until the
 * next call.
 */
export type Fold = (data: Uint8Array, before: number) => Uint8Array

/** Of bytes after which the state of the sum is zero: what really was in front is part of the piece. */
export const foldedBefore = 0xffffffff

const vector = 16
/** What one pass of the loop folds. */
const stepBytes = 4 * vector
// The memory, one page: the folded bytes in front of a block, which its first ones are made of, and the block.
const blockAt = Math.ceil(furthest / stepBytes) * stepBytes
const blockBytes = 32 * 1024
const [i32, pages] = [0x7f, 1]

/** LEB128. */
function unsigned (value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)]
}

const at = [0x20, 0]
/** Both with an offset that is known beforehand; v128, of any alignment. */
const load = (offset: number): number[] => [...at, 0xfd, 0, 0, ...unsigned(offset)]
const store = (offset: number): number[] => [0xfd, 11, 0, ...unsigned(offset)]
const [xor, loop, branchIf, end] = [[0xfd, 81], [0x03, 0x40], [0x0d, 0], 0x0b]

/** The pointer is that of the furthest place, which needs no negative offset then. */
function foldVector (offset: number): number[] {
  return [...at, ...load(furthest + offset), ...places.flatMap(place => [...load(furthest - place + offset), ...xor]), ...store(furthest + offset)]
}

function section (id: number, content: readonly number[]): number[] { return [id, ...unsigned(content.length), ...content] }

function assemble (): Uint8Array<ArrayBuffer> {
  const [add, lessThan, constant, toLocal, local] = [0x6a, 0x49, 0x41, 0x22, 0x20]
  const vectors = Array.from({ length: stepBytes / vector }, (_, index) => foldVector(index * vector))
  // Signed LEB128 in the constant: one byte more from 64 on.
  const code = [...loop, ...vectors.flat(), ...at, constant, stepBytes | 128, 0, add, toLocal, 0, local, 1, lessThan, ...branchIf, end, end]
  const body = [0, ...code]
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 2, i32, i32, 0]), // one type: (from, to) => nothing
    ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, pages]), // import e.m, a memory
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x66, 0, 0]), // export f
    ...section(10, [1, ...unsigned(body.length), ...body])
  ])
}

/** The little of it that is used here: the types of Node name none. */
interface WebAssemblyRuntime {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly Module: new (code: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: object }
}

/** @returns undefined where this runtime has no WebAssembly, none with vectors, or no room for its memory */
export function openFold (): Fold | undefined {
  const { WebAssembly: runtime } = globalThis as { readonly WebAssembly?: WebAssemblyRuntime }
  if (runtime === undefined || process.getBuiltinModule('node:v8').startupSnapshot.isBuildingSnapshot()) return undefined // a snapshot holds none
  try {
    const memory = new runtime.Memory({ initial: pages })
    const { f } = new runtime.Instance(new runtime.Module(assemble()), { e: { m: memory } }).exports as { readonly f: (from: number, to: number) => void }
    const room = new Uint8Array(memory.buffer)
    return (data, before) => foldIn(room, f, data, before)
  } catch {
    return undefined
  }
}

/** @param data at least {@link leastFolded} bytes */
function foldIn (memory: Uint8Array, f: (from: number, to: number) => void, data: Uint8Array, before: number): Uint8Array {
  const folded = data.length - furthest - (data.length - furthest) % stepBytes
  memory.fill(0, 0, blockAt)
  for (let from = 0; from < folded; from += blockBytes) {
    const length = Math.min(blockBytes, folded - from)
    memory.set(data.subarray(from, from + length), blockAt)
    if (from === 0) for (let byte = 0; byte < 4; byte++) memory[blockAt + byte]! ^= ~before >>> 8 * byte
    f(blockAt - furthest, blockAt - furthest + length)
    memory.copyWithin(0, length, length + blockAt)
  }
  const rest = data.subarray(folded)
  memory.set(rest, blockAt)
  for (const place of places) for (let byte = 0; byte < place; byte++) memory[blockAt + byte]! ^= memory[blockAt + byte - place]!
  return memory.subarray(blockAt, blockAt + rest.length)
}
