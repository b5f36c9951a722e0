import { usePeer } from '../../owner/peers.js'

/**
 * Files as memory, through the optional peer koffi. Only for segments: they are written whole before they are mapped and nobody cuts them,
 * so that no access can fail. Never read-only: a write would end the process. `shared` writes are everybody's, others stay private.
 */
interface Native {
  map (address: null, bytes: number, protection: number, flags: number, fd: number, offset: number): bigint
  unmap (pointer: bigint, bytes: number): number
  view (pointer: bigint, bytes: number): ArrayBuffer
}

interface Koffi {
  load (path: null): { func (name: string, result: string, parameters: readonly string[]): (...values: unknown[]) => unknown }
  view (pointer: bigint, bytes: number): ArrayBuffer
}

/** The same on Linux and macOS. */
const readAndWrite = 3
const flags = { shared: 1, private: 2 } as const
const failed = 0xFFFFFFFFFFFFFFFFn

let native: Native | null | undefined
/** Memory in use can not be taken back: it goes with the last array over it. The one finalizer of its kind here. */
let graves: FinalizationRegistry<{ readonly pointer: bigint, readonly bytes: number }> | undefined
/** What lies over a file, and whether writes reach it. */
const mapped = new WeakMap<ArrayBufferLike, boolean>()

function load (): Native | undefined {
  return usePeer('koffi', (koffi: Koffi) => {
    const system = koffi.load(null)
    return {
      map: system.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64']) as Native['map'],
      unmap: system.func('munmap', 'int', ['void *', 'size_t']) as Native['unmap'],
      view: (pointer, bytes) => koffi.view(pointer, bytes)
    }
  })
}

/** Whether files can be mapped here. The first call loads the peer (some 10 ms). */
export function canMap (): boolean {
  if (native === undefined) native = process.platform === 'win32' ? null : load() ?? null
  return native !== null
}

/** The first `bytes` of an open file as memory; undefined where it can not be. The descriptor may be closed afterwards. */
export function mapFile (fd: number, bytes: number, shared: boolean): ArrayBuffer | undefined {
  if (bytes === 0 || !canMap()) return undefined
  const { map, unmap, view } = native!
  const pointer = map(null, bytes, readAndWrite, shared ? flags.shared : flags.private, fd, 0)
  if (typeof pointer !== 'bigint' || pointer === 0n || pointer === failed) return undefined
  const memory = view(pointer, bytes)
  graves ??= new FinalizationRegistry(({ pointer: gone, bytes: length }) => { unmap(gone, length) })
  graves.register(memory, { pointer, bytes })
  mapped.set(memory, shared)
  return memory
}

/** How a buffer lies over a file: its writes reach it, or stay private; undefined for other memory. */
export function mappingOf (memory: ArrayBufferLike): 'shared' | 'private' | undefined {
  const shared = mapped.get(memory)
  return shared === undefined ? undefined : shared ? 'shared' : 'private'
}
