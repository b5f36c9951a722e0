import type { Socket } from 'node:net'
import { FsError } from '../errors/index.js'

/**
 * Messages on a byte stream. A frame, all numbers 4 bytes, little endian: magic, length of the head, number of blocks, length of each
 * block; then the head, then the blocks. Blocks are received straight into an ArrayBuffer of their own, ready to be handed on.
 */
export interface Frame { readonly head: Buffer, readonly blocks: ArrayBuffer[] }

const magic = 0x31464B46 // 'FKF1'
const fixedBytes = 12
const maxLength = 0xFFFFFFFF
const maxBlocks = 65_536
/** Up to this size head and header are joined: one write, one system call, no vector. */
const joinBytes = 65_536

/** What a frame without blocks begins with; its head is written behind it, its length by {@link writeReady}. */
export const frameStart: Uint8Array = header(0, [])

function header (headBytes: number, blocks: readonly ArrayBuffer[]): Buffer {
  if (headBytes > maxLength || blocks.length > maxBlocks || blocks.some(block => block.byteLength > maxLength)) {
    throw new RangeError('Expected a message of less than 4 GiB per part and at most 65,536 blocks')
  }
  const bytes = Buffer.allocUnsafe(fixedBytes + 4 * blocks.length)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(headBytes, 4)
  bytes.writeUInt32LE(blocks.length, 8)
  blocks.forEach((block, index) => bytes.writeUInt32LE(block.byteLength, fixedBytes + 4 * index))
  return bytes
}

/**
 * Queue one frame. `head` and `blocks` must not change until it is written.
 * @returns false where the stream asks to wait for 'drain'
 */
export function writeFrame (socket: Socket, head: Uint8Array, blocks: readonly ArrayBuffer[] = []): boolean {
  const first = header(head.byteLength, blocks)
  if (blocks.length === 0 && head.byteLength <= joinBytes) return socket.write(Buffer.concat([first, head]))
  socket.cork()
  socket.write(first)
  let room = socket.write(head)
  for (const block of blocks) room = socket.write(new Uint8Array(block))
  socket.uncork()
  return room
}

/** Queue a frame that was made behind {@link frameStart}: nothing is copied. */
export function writeReady (socket: Socket, frame: Buffer): void {
  const headBytes = frame.length - fixedBytes
  if (headBytes > maxLength) throw new RangeError('Expected a message of less than 4 GiB')
  frame.writeUInt32LE(headBytes, 4)
  socket.write(frame)
}

/** Puts frames together from chunks as they come. Memory is taken only for what was announced. */
export class FrameReader {
  #frames: Frame[] = []
  #header = Buffer.alloc(fixedBytes)
  #lengths: number[] | undefined
  #head: Buffer | undefined
  #blocks: ArrayBuffer[] = []
  #target: Uint8Array = this.#header
  #filled = 0

  /**
   * @returns the frames that end in this chunk; the head of one that lies in it whole is a part of it
   * @throws FsError FORKFS_PROTOCOL for bytes that are no frame: the stream can not be used any more
   */
  push (chunk: Buffer): Frame[] {
    let offset = 0
    while (offset < chunk.length) {
      const whole = this.#whole(chunk, offset)
      if (whole !== undefined) {
        this.#frames.push({ head: whole, blocks: [] })
        offset += fixedBytes + whole.length
        continue
      }
      const count = Math.min(chunk.length - offset, this.#target.length - this.#filled)
      this.#target.set(count === chunk.length ? chunk : chunk.subarray(offset, offset + count), this.#filled)
      offset += count
      this.#filled += count
      while (this.#filled === this.#target.length) {
        if (this.#advance()) break
      }
    }
    const frames = this.#frames
    this.#frames = []
    return frames
  }

  /** The head of a frame without blocks that begins here and lies in the chunk to its end: most do. */
  #whole (chunk: Buffer, offset: number): Buffer | undefined {
    const start = offset + fixedBytes
    if (this.#filled > 0 || this.#target !== this.#header || chunk.length < start) return undefined
    if (chunk.readUInt32LE(offset) !== magic || chunk.readUInt32LE(offset + 8) !== 0) return undefined
    const end = start + chunk.readUInt32LE(offset + 4)
    return end > chunk.length ? undefined : chunk.subarray(start, end)
  }

  /** The next part becomes the target. @returns true when a frame ended and the target is a fresh header */
  #advance (): boolean {
    if (this.#head === undefined) {
      if (!this.#readHeader()) return false
    }
    const length = this.#lengths![this.#blocks.length]
    if (length !== undefined) {
      const block = new ArrayBuffer(length)
      this.#blocks.push(block)
      this.#aim(new Uint8Array(block))
      return false
    }
    this.#frames.push({ head: this.#head!, blocks: this.#blocks })
    this.#lengths = this.#head = undefined
    this.#blocks = []
    this.#header = Buffer.alloc(fixedBytes)
    this.#aim(this.#header)
    return true
  }

  /** @returns true once the head itself is complete */
  #readHeader (): boolean {
    const header = this.#header
    if (this.#lengths !== undefined) { // the head was the target
      this.#head = this.#target as Buffer
      return true
    }
    const count = header.readUInt32LE(8)
    if (header.readUInt32LE(0) !== magic || count > maxBlocks) {
      throw new FsError('FORKFS_PROTOCOL', 'the channel of a worker carries bytes that are no message: something else writes to its descriptor')
    }
    if (header.length < fixedBytes + 4 * count) {
      this.#header = Buffer.concat([header], fixedBytes + 4 * count)
      this.#aim(this.#header, fixedBytes)
      return false
    }
    this.#lengths = Array.from({ length: count }, (_, index) => header.readUInt32LE(fixedBytes + 4 * index))
    this.#aim(Buffer.allocUnsafeSlow(header.readUInt32LE(4)))
    return false
  }

  #aim (target: Uint8Array, filled = 0): void {
    this.#target = target
    this.#filled = filled
  }
}

/** Hand each frame of a stream to `read`, then to `use`. What `read` throws ends the stream; what `use` throws is the user's own. */
export function readFrames<T> (socket: Socket, read: (frame: Frame) => T, use: (value: T) => void): void {
  const reader = new FrameReader()
  socket.on('data', chunk => {
    let values: T[]
    try {
      values = reader.push(chunk).map(read)
    } catch (error) {
      socket.destroy(error as Error)
      return
    }
    values.forEach(use)
  })
}
