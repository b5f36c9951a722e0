import type { Socket } from 'node:net'
import type { MessagePort } from 'node:worker_threads'
import { readFrames, writeFrame } from './frames.js'
import { fromBytes, toBytes } from './serialize.js'

/**
 * Bulk data beside the calls of a worker: small messages, each with blocks of bytes that are moved, not cloned. Threads transfer the
 * blocks, processes write their bytes to a pipe of its own, in-process they are passed on. Ordered in itself, not with calls.
 */
export interface DataChannel {
  /**
   * `message` is copied now. `blocks` belong to the channel from now on: do not touch them again (threads detach them at once).
   * @returns a promise where the receiver is behind: wait for it before the next post, or memory grows. It never rejects; a closed
   *   channel takes messages and drops them.
   */
  post (message: unknown, blocks?: readonly ArrayBuffer[]): Promise<void> | undefined
  /** One handler; messages that came before it was set are kept for it. */
  onMessage (handler: (message: unknown, blocks: ArrayBuffer[]) => void): void
  /** Called once, when the other side has closed or died and its last whole message was delivered; also after close(). */
  onClose (handler: () => void): void
  /** Whether the channel keeps this thread alive (it does until close()). */
  ref (): void
  unref (): void
  close (): void
}

interface Posted { readonly message: unknown, readonly blocks: readonly ArrayBuffer[] }

/** Threads. Ports know no back-pressure: the protocol above grants credit where that matters. */
export function portDataChannel (port: MessagePort): DataChannel {
  return {
    post (message, blocks = []) {
      port.postMessage({ message, blocks } satisfies Posted, blocks)
      return undefined
    },
    onMessage (handler) { port.on('message', ({ message, blocks }: { message: unknown, blocks: ArrayBuffer[] }) => { handler(message, blocks) }) },
    onClose (handler) { port.once('close', handler) },
    ref () { port.ref() },
    unref () { port.unref() },
    close () { port.close() }
  }
}

/** Processes. */
export function streamDataChannel (socket: Socket): DataChannel {
  let drained: Promise<void> | undefined
  socket.on('error', () => {}) // 'close' follows
  return {
    post (message, blocks = []) {
      const bytes = toBytes(message)
      if (!socket.writable) return undefined
      if (writeFrame(socket, bytes, blocks)) return undefined
      drained ??= new Promise(resolve => {
        const done = (): void => {
          drained = undefined
          socket.off('drain', done).off('close', done)
          resolve()
        }
        socket.on('drain', done).on('close', done)
      })
      return drained
    },
    onMessage (handler) {
      readFrames(socket, ({ head, blocks }) => ({ message: fromBytes(head), blocks }), ({ message, blocks }) => { handler(message, blocks) })
    },
    onClose (handler) { socket.once('close', handler) },
    ref () { socket.ref() },
    unref () { socket.unref() },
    close () { socket.end(() => { socket.destroy() }) }
  }
}

class DirectEnd implements DataChannel {
  other!: DirectEnd
  #queue: Posted[] = []
  #handler: ((message: unknown, blocks: ArrayBuffer[]) => void) | undefined
  #closers: Array<() => void> = []
  #scheduled = false
  #closed = false

  post (message: unknown, blocks: readonly ArrayBuffer[] = []): undefined {
    const posted = { message: structuredClone(message), blocks }
    if (this.#closed) return
    this.other.#queue.push(posted)
    this.other.#schedule()
  }

  onMessage (handler: (message: unknown, blocks: ArrayBuffer[]) => void): void {
    this.#handler = handler
    this.#schedule()
  }

  onClose (handler: () => void): void {
    this.#closers.push(handler)
    this.#schedule()
  }

  ref (): void {}
  unref (): void {}
  close (): void {
    this.#closed = this.other.#closed = true
    this.#queue = []
    this.#schedule()
    this.other.#schedule()
  }

  #schedule (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => { this.#deliver() })
  }

  #deliver (): void {
    this.#scheduled = false
    while (this.#handler !== undefined && this.#queue.length > 0) {
      const { message, blocks } = this.#queue.shift()!
      this.#handler(message, [...blocks])
    }
    if (this.#closed && (this.#queue.length === 0 || this.#handler === undefined)) {
      for (const close of this.#closers.splice(0)) close()
    }
  }
}

/** Two ends in one thread. */
export function directDataChannels (): [DataChannel, DataChannel] {
  const [a, b] = [new DirectEnd(), new DirectEnd()]
  a.other = b
  b.other = a
  return [a, b]
}
