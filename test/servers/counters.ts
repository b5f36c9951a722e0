import type { Socket } from 'node:net'

/** What a test server has seen since its start or the last `resetCounters()`. Plain data. */
export interface Counters {
  /** Requests whose head arrived. */
  readonly requests: number
  /** Requests by operation name, for example `GetObject`. */
  readonly operations: Readonly<Record<string, number>>
  /** Reads of an object's content by `bucket/key` (a file server: by path). */
  readonly gets: Readonly<Record<string, number>>
  /** Replies by status code; replies that a fault swallowed are missing. */
  readonly statuses: Readonly<Record<string, number>>
  /** Connections: now, most at once, and accepted in all. */
  readonly sockets: { readonly open: number, readonly peak: number, readonly ever: number }
  /** Bytes on the wire, headers included. */
  readonly bytes: { readonly in: number, readonly out: number }
  /** Requests that the client gave up: its connection ended before the reply was written, and no fault of ours had ended it. */
  readonly aborted: number
  /** Requests without a whole reply: now, and most at once. */
  readonly inFlight: { readonly now: number, readonly peak: number }
  /** Faults that fired. */
  readonly faults: number
}

/** What a test waits for: every field that is given must hold at once. Plain data. */
export interface Reached {
  /** Connections that are open, exactly. */
  readonly sockets?: number | undefined
  /** Requests under way, exactly. */
  readonly inFlight?: number | undefined
  /** At least so many requests by operation name, finished or not. */
  readonly operations?: Readonly<Record<string, number>> | undefined
  /** At least so many faults that fired. */
  readonly faults?: number | undefined
}

/** One request as it arrived. */
export interface RecordedRequest {
  /** As sent: 'GET'. */
  readonly method: string
  /** The raw request target. */
  readonly target: string
  /** The store's name of it, for example `GetObject`. */
  readonly operation: string
  /** Name and value in turn, as sent. */
  readonly rawHeaders: readonly string[]
}

const recordedMost = 1000

export class CounterSet {
  readonly #sockets = new Set<Socket>()
  readonly #base = new Map<Socket, { in: number, out: number }>()
  #operations = new Map<string, number>()
  #gets = new Map<string, number>()
  #statuses = new Map<string, number>()
  #recorded: RecordedRequest[] = []
  readonly #waiting = new Set<{ readonly wanted: Reached, readonly resolve: () => void }>()
  #requests = 0
  #aborted = 0
  #faults = 0
  #inFlight = 0
  #inFlightPeak = 0
  #socketsEver = 0
  #socketsPeak = 0
  #in = 0
  #out = 0

  socketOpened (socket: Socket): void {
    this.#sockets.add(socket)
    this.#socketsEver++
    this.#socketsPeak = Math.max(this.#socketsPeak, this.#sockets.size)
    this.#changed()
    socket.once('close', () => {
      const base = this.#base.get(socket)
      this.#in += socket.bytesRead - (base?.in ?? 0)
      this.#out += socket.bytesWritten - (base?.out ?? 0)
      this.#sockets.delete(socket)
      this.#base.delete(socket)
      this.#changed()
    })
  }

  started (request: RecordedRequest, content: string | undefined): void {
    this.#requests++
    this.#inFlight++
    this.#inFlightPeak = Math.max(this.#inFlightPeak, this.#inFlight)
    add(this.#operations, request.operation)
    if (content !== undefined) add(this.#gets, content)
    this.#recorded.push(request)
    if (this.#recorded.length > 2 * recordedMost) this.#recorded = this.#recorded.slice(-recordedMost)
    this.#changed()
  }

  replied (status: number): void { add(this.#statuses, String(status)) }

  ended (aborted: boolean): void {
    this.#inFlight--
    if (aborted) this.#aborted++
    this.#changed()
  }

  faulted (): void {
    this.#faults++
    this.#changed()
  }

  /** The last 1,000 requests, oldest first. */
  recorded (): RecordedRequest[] { return this.#recorded.slice(-recordedMost) }

  snapshot (): Counters {
    let bytesIn = this.#in
    let bytesOut = this.#out
    for (const socket of this.#sockets) {
      const base = this.#base.get(socket)
      bytesIn += socket.bytesRead - (base?.in ?? 0)
      bytesOut += socket.bytesWritten - (base?.out ?? 0)
    }
    return {
      requests: this.#requests,
      operations: Object.fromEntries(this.#operations),
      gets: Object.fromEntries(this.#gets),
      statuses: Object.fromEntries(this.#statuses),
      sockets: { open: this.#sockets.size, peak: this.#socketsPeak, ever: this.#socketsEver },
      bytes: { in: bytesIn, out: bytesOut },
      aborted: this.#aborted,
      inFlight: { now: this.#inFlight, peak: this.#inFlightPeak },
      faults: this.#faults
    }
  }

  /** Resolves as soon as it is so. */
  async reached (wanted: Reached): Promise<void> {
    if (this.#holds(wanted)) return
    await new Promise<void>(resolve => { this.#waiting.add({ wanted, resolve }) })
  }

  #holds ({ sockets, inFlight, operations = {}, faults = 0 }: Reached): boolean {
    if (sockets !== undefined && sockets !== this.#sockets.size) return false
    if (inFlight !== undefined && inFlight !== this.#inFlight) return false
    if (faults > this.#faults) return false
    return Object.entries(operations).every(([name, least]) => (this.#operations.get(name) ?? 0) >= least)
  }

  #changed (): void {
    for (const waiting of this.#waiting) {
      if (!this.#holds(waiting.wanted)) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }

  /** What is open or in flight now stays counted as such; `ever` starts again at the sockets that are open. */
  reset (): void {
    for (const socket of this.#sockets) this.#base.set(socket, { in: socket.bytesRead, out: socket.bytesWritten })
    this.#operations = new Map()
    this.#gets = new Map()
    this.#statuses = new Map()
    this.#recorded = []
    this.#requests = this.#aborted = this.#faults = this.#in = this.#out = 0
    this.#inFlightPeak = this.#inFlight
    this.#socketsEver = this.#socketsPeak = this.#sockets.size
  }
}

function add (map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1)
}
