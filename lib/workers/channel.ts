import type { Socket } from 'node:net'
import type { MessagePort, Transferable } from 'node:worker_threads'
import { readFrames, writeFrame } from './frames.js'
import { fromBytes, toBytes } from './serialize.js'
import type { Clones } from './serialize.js'

/** What crosses a channel. Requests are answered once, under their id; notices are not answered. */
export type Envelope =
  | { readonly kind: 'request', readonly id: number, readonly verb: string, readonly body: unknown }
  | { readonly kind: 'answer', readonly id: number, readonly ok: true, readonly value: unknown }
  | { readonly kind: 'answer', readonly id: number, readonly ok: false, readonly error: unknown }
  | { readonly kind: 'notice', readonly verb: string, readonly body: unknown }

/** Messages in order between this thread and one worker (or, in the worker, its parent). Values are copied as send() is called. */
export interface Channel {
  /** @throws at once, and sends nothing, where the message can not be cloned. To a closed channel: nothing happens. */
  send (message: Envelope, transfer?: readonly Transferable[]): void
  /** Called once, before the first message is expected. `onClose`: no message comes any more. */
  listen (onMessage: (message: Envelope) => void, onClose: () => void): void
  readonly clones: Clones
  /** Everything sent has left this process. */
  flush (): Promise<void>
  /** Whether the channel keeps this thread alive. */
  ref (): void
  unref (): void
  close (): void
}

const passes = (clone: (value: unknown) => unknown): Clones => value => {
  try { clone(value); return true } catch { return false }
}

/** Threads. */
export function portChannel (port: MessagePort): Channel {
  return {
    send (message, transfer) { port.postMessage(message, transfer) },
    listen (onMessage, onClose) {
      port.on('message', onMessage)
      port.on('messageerror', () => { port.close() }) // a message that can not be read: its request would wait for ever
      port.on('close', onClose)
    },
    clones: passes(structuredClone),
    flush: () => Promise.resolve(),
    ref () { port.ref() },
    unref () { port.unref() },
    close () { port.close() }
  }
}

/** Processes: frames over a pipe of its own, so that nothing the worker prints and no `process.send` can get in between. */
export function streamChannel (socket: Socket): Channel {
  return {
    send (message) {
      const bytes = toBytes(message) // also where it can not be sent any more: what can not be cloned is refused in either case
      if (socket.writable) writeFrame(socket, bytes)
    },
    listen (onMessage, onClose) {
      readFrames(socket, frame => fromBytes(frame.head) as Envelope, onMessage)
      socket.on('error', () => {}) // 'close' follows
      socket.on('close', onClose)
    },
    clones: passes(toBytes),
    flush: () => new Promise(resolve => {
      if (socket.writable) socket.write('', () => { resolve() })
      else resolve()
    }),
    ref () { socket.ref() },
    unref () { socket.unref() },
    close () { socket.destroy() }
  }
}

/** Two ends in one thread. Values are cloned all the same, and nothing is delivered before send() has returned. */
export function directChannels (): [Channel, Channel] {
  const listeners: Array<((message: Envelope) => void) | undefined> = [undefined, undefined]
  const closers: Array<() => void> = []
  let open = true
  const end = (self: 0 | 1): Channel => ({
    send (message) {
      const copy = structuredClone(message)
      queueMicrotask(() => { if (open) listeners[1 - self]?.(copy) })
    },
    listen (onMessage, onClose) {
      listeners[self] = onMessage
      closers.push(onClose)
    },
    clones: passes(structuredClone),
    flush: () => Promise.resolve(),
    ref () {},
    unref () {},
    close () {
      if (!open) return
      open = false
      for (const close of closers) close()
    }
  })
  return [end(0), end(1)]
}
