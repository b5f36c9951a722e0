import { Connection } from './connection.js'
import type { ConnectionOptions } from './connection.js'
import type { Turn } from './turn.js'

export interface OriginPoolOptions extends Pick<ConnectionOptions, 'connect' | 'ready' | 'scratch' | 'onUnfit'> {
  /** Connections at most. */
  readonly connections: number
  /** A connection lies idle. */
  onIdle (): void
  /** Nothing is under way, and no connection is left. */
  onEmpty (): void
}

/** The connections to one origin. Requests beyond their number wait in order; the connection that was used last is used first. */
export class OriginPool {
  readonly #options: OriginPoolOptions
  readonly #all = new Set<Connection>()
  readonly #idle: Connection[] = []
  readonly #waiting: Turn[] = []
  #connecting = 0
  #serving: NodeJS.Immediate | undefined

  constructor (options: OriginPoolOptions) { this.#options = options }

  get sockets (): number { return this.#all.size }
  get isBusy (): boolean { return this.#waiting.length > 0 || this.#all.size > this.#idle.length }

  add (turn: Turn): void {
    this.#waiting.push(turn)
    this.#serveSoon()
  }

  /** Close what nobody has used for a while. @returns whether idle connections are left */
  sweep (now: number): boolean {
    while (this.#idle.length > 0 && this.#idle[0]!.usableUntil <= now) this.#idle.shift()!.destroy()
    return this.#idle.length > 0
  }

  /** Close idle connections, or with an error all of them; what waits then fails with it. */
  close (error?: Error): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
    if (error === undefined) return
    for (const turn of this.#waiting.splice(0)) turn.fail(error)
    for (const connection of this.#all) connection.fail(error)
  }

  #grow (): void {
    while (this.#connecting < this.#waiting.length && this.#all.size < this.#options.connections) {
      const connection = new Connection({
        ...this.#options,
        onReady: () => {
          this.#connecting--
          this.#next(connection)
        },
        onFree: () => {
          this.#rest(connection)
          if (this.#waiting.length > 0) this.#serveSoon()
        },
        onGone: error => { this.#gone(connection, error) }
      })
      this.#connecting++
      this.#all.add(connection)
    }
  }

  /**
   * At the end of this turn of the event loop: what becomes free or wanted within it is written in one go. A server that is woken for one request
   * finds the others there, which costs both sides less than to be woken for each; and an abort right behind the call still stops the request.
   */
  #serveSoon (): void {
    this.#serving ??= setImmediate(() => {
      this.#serving = undefined
      this.#serve()
    })
  }

  #serve (): void {
    const now = performance.now()
    for (let connection; this.#waiting.length > 0 && (connection = this.#idle.pop()) !== undefined;) {
      if (connection.usableUntil <= now) connection.destroy()
      else this.#next(connection)
    }
    this.#grow()
  }

  #next (connection: Connection): void {
    for (let turn = this.#waiting.shift(); turn !== undefined; turn = this.#waiting.shift()) {
      if (connection.begin(turn)) return
    }
    this.#rest(connection)
  }

  #rest (connection: Connection): void {
    connection.rest(performance.now())
    this.#idle.push(connection)
    this.#options.onIdle()
  }

  #gone (connection: Connection, error: Error | undefined): void {
    this.#all.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    if (error !== undefined) {
      this.#connecting--
      this.#waiting.shift()?.fail(error) // for whom it was made, or who would have had it next
    }
    this.#grow()
    if (this.#all.size === 0 && this.#waiting.length === 0) this.#options.onEmpty()
  }
}
