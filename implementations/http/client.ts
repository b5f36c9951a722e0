import type { NetClient, NetCall, NetReply, ReplyHead, Destination } from '../../lib/net/index.js'
import { userAgent } from '../../lib/owner/version.js'
import { addressOf, shownPath, withoutQuery } from './address.js'
import { Body } from './body.js'
import { failureOf } from './errors.js'
import { harmlessHeaders } from './options.js'
import { isRedirect, Trail } from './redirects.js'

/** One thing to ask of a server, redirects included. */
export interface Ask {
  readonly operation: string
  readonly method: 'GET' | 'HEAD'
  /** A normal URL. */
  readonly path: string
  readonly headers: readonly string[]
  /** Statuses that are answers here, besides 2xx. */
  readonly accept?: readonly number[] | undefined
  /** Where the body goes, and what refuses a reply at its head; not asked for redirects and failures. */
  readonly destination?: ((head: ReplyHead) => Destination) | undefined
  /** A look at the whole reply. @throws FsError, which is tried again where its `retry` is 'may' */
  readonly check?: ((reply: NetReply) => void) | undefined
}

export interface Answer { readonly reply: NetReply, /** Where the redirects ended. */ readonly url: string }

export interface ClientOptions {
  readonly net: NetClient
  readonly headers: Readonly<Record<string, string>>
  /** The origin that the headers are for; undefined: the one that a caller names. */
  readonly home: string | undefined
  /** Names of headers that did not travel with this instance. */
  readonly withheld: readonly string[]
}

/** A redirect's own page is read so that its connection can go on, unless it is longer than this. */
const discardMost = 64 * 1024

/** GET and HEAD with our headers, through redirects; failures as FsErrors. */
export class HttpClient {
  readonly #net: NetClient
  readonly #home: string | undefined
  readonly #withheld: readonly string[]
  readonly #all: readonly string[]
  readonly #harmless: readonly string[]

  constructor ({ net, headers, home, withheld }: ClientOptions) {
    this.#net = net
    this.#home = home
    this.#withheld = withheld
    const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
    const defaults = [['accept', '*/*'], ['user-agent', userAgent]].filter(([name]) => !given.some(([other]) => other === name))
    const always = ['accept-encoding', 'identity']
    this.#all = [...defaults.flat(), ...given.flat(), ...always]
    this.#harmless = [...defaults.flat(), ...given.filter(([name]) => harmlessHeaders.has(name)).flat(), ...always]
  }

  /** The whole reply; all of it retried. */
  async send (ask: Ask, signal: AbortSignal): Promise<Answer> {
    const trail = this.#trail(ask)
    for (;;) {
      const reply = await this.#net.send(this.#call(ask, trail), signal)
      if (!isRedirect(reply)) return { reply, url: trail.url }
      trail.follow(reply)
    }
  }

  /** The reply with its body still to come; the head is retried. Its owner must read the body to the end or close() it. */
  async open (ask: Ask, signal: AbortSignal): Promise<Body> {
    const trail = this.#trail(ask)
    for (;;) {
      const body = await Body.open(this.#net, this.#call(ask, trail), signal, trail.url)
      if (!isRedirect(body)) return body
      await body.discard(discardMost, signal)
      trail.follow(body)
    }
  }

  #trail ({ path }: Ask): Trail {
    return new Trail(path, this.#home === undefined || this.#home === addressOf(path).origin)
  }

  #call (ask: Ask, trail: Trail): NetCall {
    const { origin, target } = trail.address
    const headers = [...(trail.trusted ? this.#all : this.#harmless), ...ask.headers]
    const path = shownPath(withoutQuery(ask.path))
    const answers = (head: ReplyHead): boolean => (head.status >= 200 && head.status < 300) || ask.accept?.includes(head.status) === true
    return {
      operation: ask.operation,
      path,
      idempotent: true,
      build: () => ({ method: ask.method, origin, path: target, headers }),
      judge: reply => {
        if (isRedirect(reply)) return undefined
        if (!answers(reply)) return { error: failureOf(reply.status, ask.path, this.#withheld) }
        ask.check?.(reply)
        return undefined
      },
      destination: head => answers(head) ? ask.destination?.(head) ?? {} : {}
    }
  }
}
