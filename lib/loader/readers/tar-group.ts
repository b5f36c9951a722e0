import type { ParserSetup } from './types.js'

const defaultMaxBytes = 2 ** 31 - 1

/** Files of a tar shard, in their order, as samples. */
export class SampleGroup {
  readonly #setup: ParserSetup
  readonly #max: number
  #key: string | undefined
  #first = ''
  readonly #names = new Set<string>()
  #index: number
  #bytes = 0
  #cost = 0
  /** Begun at the sink: not left out by `skip`, not broken. */
  #open = false

  constructor (setup: ParserSetup) {
    this.#setup = setup
    this.#max = setup.maxSampleBytes ?? defaultMaxBytes
    this.#index = setup.first - 1
  }

  /** @returns whether the bytes of the file are wanted */
  file (name: string, size: number, position: number): boolean {
    const slash = name.lastIndexOf('/')
    const dot = name.indexOf('.', slash + 1)
    if (dot === slash + 1 || isMeta(name, slash)) {
      this.#setup.counters.others++
      return false
    }
    const key = dot < 0 ? name : name.slice(0, dot)
    const part = dot < 0 ? '' : name.slice(dot + 1).toLowerCase()
    const begins = key !== this.#key
    if (begins) this.#next(key)
    if (begins ? this.#index < this.#setup.skip : !this.#open) return false
    this.#cost += size + name.length
    if (this.#cost > this.#max) return this.#break(`the sample is larger than ${this.#max} bytes`, position)
    if (begins) {
      this.#first = part
      this.#open = true
      this.#setup.sink.begin(this.#index, position, key)
    } else if (!this.#isNew(part)) return this.#break('the sample has two files of one name', position)
    this.#setup.sink.part(part, size)
    this.#bytes += size
    return true
  }

  data (block: Uint8Array, start: number, end: number): void {
    this.#setup.sink.data(block, start, end)
  }

  /** A file that can not be read breaks its sample, not the shard. */
  refuse (name: string, position: number, problem: string): void {
    const slash = name.lastIndexOf('/')
    const dot = name.indexOf('.', slash + 1)
    const key = dot < 0 ? name : name.slice(0, dot)
    const begins = key !== this.#key
    if (begins) this.#next(key)
    if (begins ? this.#index >= this.#setup.skip : this.#open) this.#break(problem, position)
  }

  finish (): void {
    if (!this.#open) return
    this.#open = false
    this.#setup.counters.samples++
    this.#setup.counters.bytes += this.#bytes
    this.#setup.sink.end()
  }

  abandon (): void {
    if (!this.#open) return
    this.#open = false
    this.#setup.sink.drop()
  }

  #next (key: string): void {
    this.finish()
    this.#key = key
    this.#index++
    this.#bytes = 0
    this.#cost = 0
    if (this.#names.size > 0) this.#names.clear()
  }

  #isNew (part: string): boolean {
    if (part === this.#first || this.#names.has(part)) return false
    this.#names.add(part)
    return true
  }

  #break (problem: string, position: number): false {
    this.abandon()
    this.#setup.fail(problem, position)
    return false
  }
}

function isMeta (name: string, slash: number): boolean {
  return slash < 0 && name.length > 3 && name.startsWith('__') && name.endsWith('__')
}
