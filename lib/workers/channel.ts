import type { Socket } from 'node:net'
import type { MessagePort, Transferable } from 'node:worker_threads'
import { encodeError } from '../errors/codec.js'
import { readFrames, writeFrame } from './frames.js'
import { BufferLink } from './parcel.js'
import type { BufferSharing } from './parcel.js'
import { SegmentLink } from './segment-link.js'
import type { SegmentSharing, Unpacked } from './segment-link.js'
import { toBytes } from './serialize.js'
import type { Clones } from './serialize.js'

/** What crosses a channel. Requests are answered once, under their id; notices are not answered. */
export type Envelope =
  | { readonly kind: 'request', readonly id: number, readonly verb: string, readonly body: unknown, readonly lent?: readonly SharedArrayBuffer[] }
  | { readonly kind: 'answer', readonly id: number, readonly ok: true, readonly value: unknown }
  | { readonly kind: 'answer', readonly id: number, readonly ok: false, readonly error: unknown, readonly unread?: boolean }
  | { readonly kind: 'notice', readonly verb: string, readonly body: unknown }

/** Messages in order between this thread and one worker (or, in the worker, its parent). Values are copied as send() is called. */
export interface Channel {
  /** @throws at once, and sends nothing, where the message can not be cloned. To a closed channel: nothing happens. */
  send (message: Envelope, transfer?: readonly Transferable[]): void
  /** Called once, before the first message is expected. `onClose`: no message comes any more. */
  listen (onMessage: (message: Envelope) => void, onClose: () => void): void
  /** From now on large arrays in what is sent are shared, not copied. Requests and answers only. */
  share (sharing: Sharing): void
  readonly clones: Clones
  /** Everything sent has left this process. */
  flush (): Promise<void>
  /** Whether the channel keeps this thread alive. */
  ref (): void
  unref (): void
  close (): void
}

/** What a channel needs to know for it: within a process, or between two. */
export type Sharing = BufferSharing | SegmentSharing

const passes = (clone: (value: unknown) => unknown): Clones => value => {
  try { clone(value); return true } catch { return false }
}

/** Threads. */
export function portChannel (port: MessagePort): Channel {
  const link = new BufferLink()
  return {
    send (message, transfer) {
      const parcel = link.pack(message, transfer)
      port.postMessage(parcel.message, parcel.transfer)
    },
    share (sharing) { link.share(sharing) },
    listen (onMessage, onClose) {
      port.on('message', (message: Envelope) => { onMessage(link.unpack(message)) })
      port.on('messageerror', () => { port.close() }) // a message that can not be read: its request would wait for ever
      port.on('close', () => {
        link.close()
        onClose()
      })
    },
    clones: passes(structuredClone),
    flush: () => Promise.resolve(),
    ref () { port.ref() },
    unref () { port.unref() },
    close () { port.close() }
  }
}

/** Between the two ends of a channel: what may be let go of; how large an array is on its way. */
const takenVerb = 'taken'
const expectVerb = 'expect'

/** Processes: frames over a pipe of its own, so that nothing the worker prints and no `process.send` can get in between. */
export function streamChannel (socket: Socket): Channel {
  const link = new SegmentLink(bytes => { write({ kind: 'notice', verb: expectVerb, body: bytes }) })
  const write = (message: Envelope): void => {
    const bytes = link.pack(message) // also where it can not be sent any more: what can not be cloned is refused in either case
    if (socket.writable) writeFrame(socket, bytes)
    else link.close()
  }
  const receive = ({ value, taken, failure }: Unpacked, deliver: (message: Envelope) => void): void => {
    const message = value as Envelope
    if (taken.length > 0) write({ kind: 'notice', verb: takenVerb, body: taken })
    if (message.kind === 'notice' && message.verb === takenVerb) link.taken(message.body as readonly string[])
    else if (message.kind === 'notice' && message.verb === expectVerb) link.expect(message.body as number)
    else if (failure === undefined || message.kind === 'notice') deliver(message)
    else if (message.kind === 'answer') deliver({ kind: 'answer', id: message.id, ok: false, error: encodeError(failure), unread: true })
    else write({ kind: 'answer', id: message.id, ok: false, error: encodeError(failure) })
  }
  return {
    send: write,
    share (sharing) { if ('places' in sharing) link.share(sharing) },
    listen (onMessage, onClose) {
      readFrames(socket, frame => link.unpack(frame.head), unpacked => { receive(unpacked, onMessage) })
      socket.on('error', () => {}) // 'close' follows
      socket.on('close', () => {
        link.close()
        onClose()
      })
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
  const links = [new BufferLink(), new BufferLink()] as const
  const end = (self: 0 | 1): Channel => ({
    send (message) {
      const parcel = links[self].pack(message)
      const copy = structuredClone(parcel.message, { transfer: [...parcel.transfer] as ArrayBuffer[] })
      queueMicrotask(() => { if (open) listeners[1 - self]?.(links[1 - self]!.unpack(copy)) })
    },
    share (sharing) { links[self].share(sharing) },
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
      for (const link of links) link.close()
      for (const close of closers) close()
    }
  })
  return [end(0), end(1)]
}
