import { encodeError } from '../errors/codec.js'
import type { Transferable } from 'node:worker_threads'
import type { Channel } from './channel.js'
import { answerKind, failureKind, noticeKind, requestKind } from './envelope.js'
import type { Envelope } from './envelope.js'
import { isThenable, uncloneable } from './serialize.js'

/** How a request ended: answered, refused by the other side, or lost with it. */
export type Answer =
  | { readonly ok: true, readonly value: unknown }
  /** `unread`: there was a value, and a part of it was gone before it could be taken. */
  | { readonly ok: false, readonly error: unknown, readonly unread?: boolean }
  | { readonly ok: undefined, readonly lost: () => Error }

/** What is searched for the culprit where a message can not be cloned, and what it is called. */
export interface Subject { readonly value: unknown, readonly root: string }

export interface PeerHandlers {
  /** What it returns or throws is the answer. */
  request (verb: string, body: unknown, id: number): unknown
  notice (verb: string, body: unknown): void
  /** The channel ended. */
  close (): void
}

/** Requests and answers over one channel, in both directions. A request settles exactly once. */
export class Peer {
  readonly channel: Channel
  readonly #handlers: PeerHandlers
  readonly #pending = new Map<number, (answer: Answer) => void>()
  #nextId = 1
  #lost: (() => Error) | undefined

  constructor (channel: Channel, handlers: PeerHandlers) {
    this.channel = channel
    this.#handlers = handlers
    channel.listen(message => { this.#receive(message) }, () => { handlers.close() })
  }

  get pending (): number { return this.#pending.size }

  /**
   * @throws FsError FORKFS_UNCLONEABLE; nothing was sent
   */
  request (verb: string, body: unknown, subject: Subject): { readonly id: number, readonly answer: Promise<Answer> } {
    const id = this.#nextId++
    if (this.#lost !== undefined) return { id, answer: Promise.resolve({ ok: undefined, lost: this.#lost }) }
    try {
      this.channel.send([requestKind, id, verb, body])
    } catch (error) {
      throw uncloneable(error, subject.value, subject.root, this.channel.clones)
    }
    return { id, answer: new Promise(resolve => { this.#pending.set(id, resolve) }) }
  }

  notify (verb: string, body?: unknown, transfer?: readonly Transferable[]): void {
    this.channel.send([noticeKind, verb, body], transfer)
  }

  /** No answer comes any more: settle what is pending, and every later request, with an error of its own, made where it is thrown. */
  lose (why: () => Error): void {
    this.#lost = why
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const settle of pending) settle({ ok: undefined, lost: why })
  }

  #receive (message: Envelope): void {
    switch (message[0]) {
      case requestKind: this.#serve(message[2], message[3], message[1]); break
      case noticeKind: this.#handlers.notice(message[1], message[2]); break
      case answerKind: this.#settle(message[1], { ok: true, value: message[2] }); break
      default: this.#settle(message[1], { ok: false, error: message[2], unread: message[3] === true })
    }
  }

  #settle (id: number, answer: Answer): void {
    const settle = this.#pending.get(id)
    this.#pending.delete(id)
    settle?.(answer)
  }

  /** What is there at once is answered at once: no promise is made for it. */
  #serve (verb: string, body: unknown, id: number): void {
    let value: unknown
    let later: boolean
    try {
      value = this.#handlers.request(verb, body, id)
      later = isThenable(value)
    } catch (error) {
      this.#refuse(id, error)
      return
    }
    if (later) Promise.resolve(value).then(result => { this.#answer(id, result) }, (error: unknown) => { this.#refuse(id, error) })
    else this.#answer(id, value)
  }

  #answer (id: number, value: unknown): void {
    try {
      this.channel.send([answerKind, id, value])
    } catch (error) {
      this.#refuse(id, uncloneable(error, value, 'result', this.channel.clones))
    }
  }

  #refuse (id: number, error: unknown): void { this.channel.send([failureKind, id, encodeError(error)]) }
}
