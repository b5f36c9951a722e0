import type { Destination, ReplyHead } from './transport.js'

const MiB = 1024 * 1024

/**
 * When one bounded request has to be over, all attempts included. A request that carries more than 1 MiB of content gets the
 * time again for each further MiB: a part of 8 MiB must not fail on a line that moves, only because the line is slow. What
 * does not move ends by the idle clock.
 */
export class Deadline {
  readonly #began = performance.now()
  readonly #timeoutMs: number
  /** performance.now() in milliseconds. */
  at: number

  constructor (timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.at = this.#began + timeoutMs
  }

  /** The request carries that many bytes of content, one way or the other. */
  allow (bytes: number): void {
    if (bytes > MiB) this.at = Math.max(this.at, this.#began + this.#timeoutMs * bytes / MiB)
  }
}

/** Bytes of content that a reply brings: only what is wanted counts, a server can not buy time. */
export function contentBytes ({ headers }: ReplyHead, { into, take = Infinity }: Destination): number {
  const announced = Number(headers['content-length'])
  return Number.isNaN(announced) ? into?.length ?? 0 : Math.min(announced, take)
}
