import { StringDecoder } from 'node:string_decoder'
import type { Readable, Writable } from 'node:stream'

export type OutputStream = 'stdout' | 'stderr'

const limit = 65_536
/** More than any pipe holds; a worker that never stops printing keeps nobody waiting. */
const mostTurns = 32

/** The last 64 Ki characters of a text that goes on for ever. */
class Tail {
  #chunks: string[] = []
  #start = 0
  #end = 0

  get end (): number { return this.#end }

  append (text: string): void {
    this.#chunks.push(text)
    this.#end += text.length
    while (this.#end - this.#start - this.#chunks[0]!.length >= limit) this.#start += this.#chunks.shift()!.length
  }

  since (mark: number): string {
    const from = Math.max(mark, this.#end - limit)
    return from >= this.#end ? '' : this.#chunks.join('').slice(Math.max(0, from - this.#start))
  }
}

/** Readers that wait for the parent's stdout or stderr: one listener for all of them, however many workers there are. */
const waiting = new Map<Writable, Set<Readable>>()

function pass (chunk: string | Uint8Array, target: Writable, source?: Readable): void {
  if (target.write(chunk) || source === undefined) return
  source.pause()
  const sources = waiting.get(target)
  if (sources !== undefined) {
    sources.add(source)
    return
  }
  const made = new Set([source])
  waiting.set(target, made)
  target.once('drain', () => {
    waiting.delete(target)
    for (const item of made) item.resume()
  })
}

/** What a worker prints: passed on to this process, its tail kept for errors. */
export class Output {
  readonly #all = new Tail()
  readonly #stderr = new Tail()
  /** More was printed than has been read: an answer was told to wait for it. */
  isBehind = false

  /** A position for {@link since}. */
  mark (): number { return this.#all.end }

  /** Resolves when what can be read by now has been: a turn of the loop may bring no more than one chunk of each pipe. */
  async arrived (): Promise<void> {
    this.isBehind = false
    for (let turns = 0, idle = 0; turns < mostTurns && idle < 2; turns++) {
      const before = this.mark()
      await new Promise(resolve => { setImmediate(resolve) })
      idle = this.mark() === before ? idle + 1 : 0
    }
  }

  /** Both streams as they came, from the mark on, at most 64 Ki characters. */
  since (mark: number): string { return this.#all.since(mark) }

  get stderr (): string { return this.#stderr.since(0) }

  /** Keep it, without passing it on. */
  note (stream: OutputStream, text: string): void {
    this.#all.append(text)
    if (stream === 'stderr') this.#stderr.append(text)
  }

  write (stream: OutputStream, text: string): void {
    this.note(stream, text)
    pass(text, process[stream])
  }

  attach (stream: OutputStream, source: Readable): void {
    const decoder = new StringDecoder('utf8')
    source.on('data', (chunk: Buffer) => {
      this.note(stream, decoder.write(chunk))
      pass(chunk, process[stream], source)
    })
    source.on('error', () => {}) // the worker's death is reported elsewhere
  }
}
