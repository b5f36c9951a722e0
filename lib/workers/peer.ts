import { encodeError } from '../errors/codec.js'
import type { Transferable } from 'node:worker_threads'
import type { Channel, Envelope } from './channel.js'
import { uncloneable } from './serialize.js'

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
      this.channel.send({ kind: 'request', id, verb, body })
    } catch (error) {
      throw uncloneable(error, subject.value, subject.root, this.channel.clones)
    }
    return { id, answer: new Promise(resolve => { this.#pending.set(id, resolve) }) }
  }

  notify (verb: string, body?: unknown, transfer?: readonly Transferable[]): void {
    this.channel.send({ kind: 'notice', verb, body }, transfer)
  }

  /** No answer comes any more: settle what is pending, and every later request, with an error of its own, made where it is thrown. */
  lose (why: () => Error): void {
    this.#lost = why
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const settle of pending) settle({ ok: undefined, lost: why })
  }

  #receive (message: Envelope): void {
    switch (message.kind) {
      case 'request': void this.#serve(message.verb, message.body, message.id); break
      case 'notice': this.#handlers.notice(message.verb, message.body); break
      case 'answer': {
        const settle = this.#pending.get(message.id)
        this.#pending.delete(message.id)
        settle?.(message)
      }
    }
  }

  async #serve (verb: string, body: unknown, id: number): Promise<void> {
    let value: unknown
    try {
      value = await this.#handlers.request(verb, body, id)
    } catch (error) {
      this.channel.send({ kind: 'answer', id, ok: false, error: encodeError(error) })
      return
    }
    try {
      this.channel.send({ kind: 'answer', id, ok: true, value })
    } catch (error) {
      this.channel.send({ kind: 'answer', id, ok: false, error: encodeError(uncloneable(error, value, 'result', this.channel.clones)) })
    }
  }
}
