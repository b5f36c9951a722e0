import { Limiter } from '../../lib/net/index.js'
import { realm } from '../../lib/owner/index.js'
import type { Body } from './body.js'
import { withoutQuery } from './address.js'

/** How long the rest of a body waits for the read that goes on with it. */
const parkedMs = 1000
const rememberedMost = 4096

/** One file whose server has no ranges: its reads take turns on one reply, so that reading it in order costs one request. */
export class WholeFile {
  readonly limiter = new Limiter(1)
  users = 0
  #body: Body | undefined
  #version: string | undefined
  #timer: NodeJS.Timeout | undefined

  get parked (): boolean { return this.#body !== undefined }

  /** The reply that stands at or before `start`, of this version where one is asked for. */
  take (start: number, version: string | undefined): Body | undefined {
    clearTimeout(this.#timer)
    const body = this.#body
    this.#body = undefined
    if (body === undefined || body.over) return undefined
    if (body.position <= start && (version === undefined || version === this.#version)) return body
    body.close()
    return undefined
  }

  park (body: Body, version: string | undefined, gone: () => void): void {
    if (body.over) return
    this.#body = body
    this.#version = version
    this.#timer = setTimeout(() => {
      this.close()
      gone()
    }, parkedMs).unref()
  }

  close (): void {
    clearTimeout(this.#timer)
    this.#body?.close()
    this.#body = undefined
  }
}

/** Which files come whole only, as far as was seen, and the replies that wait for their next reader. Forgotten with the epoch. */
export class WholeFiles {
  #epoch = realm.epoch
  #lacking = new Set<string>()
  readonly #open = new Map<string, WholeFile>()

  #renew (): void {
    if (this.#epoch === realm.epoch) return
    this.clear()
    this.#epoch = realm.epoch
  }

  /** Whether ranges of it were ignored before. Servers decide by resource, not by query. */
  lacksRanges (url: string): boolean {
    this.#renew()
    return this.#lacking.size > 0 && this.#lacking.has(withoutQuery(url))
  }

  remember (url: string): void {
    this.#renew()
    if (this.#lacking.size >= rememberedMost) this.#lacking.clear()
    this.#lacking.add(withoutQuery(url))
  }

  forget (url: string | undefined): void {
    if (url === undefined) this.#lacking.clear()
    else this.#lacking.delete(withoutQuery(url))
  }

  /** Run `work` when it is its turn with the file. */
  async turn<T> (url: string, signal: AbortSignal, work: (file: WholeFile, gone: () => void) => Promise<T>): Promise<T> {
    this.#renew()
    let file = this.#open.get(url)
    if (file === undefined) this.#open.set(url, file = new WholeFile())
    const mine = file
    const gone = (): void => { if (mine.users === 0 && !mine.parked && this.#open.get(url) === mine) this.#open.delete(url) }
    mine.users++
    try {
      return await mine.limiter.run(signal, () => work(mine, gone))
    } finally {
      mine.users--
      gone()
    }
  }

  /** Let go of all replies now; synchronous. */
  clear (): void {
    for (const file of this.#open.values()) file.close()
    this.#open.clear()
    this.#lacking.clear()
  }
}
