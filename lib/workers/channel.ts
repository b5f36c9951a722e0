import type { Socket } from 'node:net'
import type { MessagePort, Transferable } from 'node:worker_threads'
import { encodeError } from '../errors/codec.js'
import { answerKind, failureKind, noticeKind } from './envelope.js'
import type { Envelope } from './envelope.js'
import { readFrames, writeReady } from './frames.js'
import { BufferLink } from './parcel.js'
import type { BufferSharing } from './parcel.js'
import { SegmentLink } from './segment-link.js'
import type { SegmentSharing, Unpacked } from './segment-link.js'
import { toBytes } from './serialize.js'
import type { Clones } from './serialize.js'

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
      if (parcel.transfer === undefined) port.postMessage(parcel.message) // an empty list is looked through, too
      else port.postMessage(parcel.message, parcel.transfer)
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
  const link = new SegmentLink(bytes => { write([noticeKind, expectVerb, bytes]) })
  const write = (message: Envelope): void => {
    const frame = link.pack(message) // also where it can not be sent any more: what can not be cloned is refused in either case
    if (socket.writable) writeReady(socket, frame)
    else link.close()
  }
  const receive = ({ value, taken, failure }: Unpacked, deliver: (message: Envelope) => void): void => {
    const message = value as Envelope
    if (taken.length > 0) write([noticeKind, takenVerb, taken])
    if (message[0] === noticeKind && message[1] === takenVerb) link.taken(message[2] as readonly string[])
    else if (message[0] === noticeKind && message[1] === expectVerb) link.expect(message[2] as number)
    else if (failure === undefined || message[0] === noticeKind) deliver(message)
    else if (message[0] === answerKind) deliver([failureKind, message[1], encodeError(failure), true])
    else write([failureKind, message[1], encodeError(failure)])
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
      const copy = structuredClone(parcel.message, { transfer: [...parcel.transfer ?? []] as ArrayBuffer[] })
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
