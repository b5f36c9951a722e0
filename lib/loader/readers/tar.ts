/**
 * Streaming tar with WebDataset grouping: consecutive files with the same key form a sample. The key is the name up to the
 * first dot of its last part, the rest in lower case names the file: 'a/b/001.left.PNG' is 'left.png' of 'a/b/001'. As
 * in WebDataset, dot files and top-level `__names__` are no samples, and a name twice in a sample is an error. Names
 * are kept as they are ('..' too): nothing is written anywhere.
 */
import { newHeader, readHeader, blockSize, decode } from './tar-header.js'
import { readPax } from './pax.js'
import { SampleGroup } from './tar-group.js'
import type { PaxValues } from './pax.js'
import type { ParserSetup, ReaderCounters, ShardParser } from './types.js'

/** Long names and pax records of one member. */
const maxMetaBytes = 1024 * 1024

const type = { old: 0, file: 48, hardLink: 49, softLink: 50, character: 51, block: 52, directory: 53, pipe: 54, contiguous: 55,
  global: 103, pax: 120, solarisPax: 88, longName: 76, longLink: 75, sparse: 83, continued: 77, volume: 86 } as const

/** What the bytes at hand are. */
type State = 'header' | 'sparse map' | 'file' | 'meta' | 'discard' | 'end'

export class TarParser implements ShardParser {
  readonly #setup: ParserSetup
  readonly #counters: ReaderCounters
  readonly #group: SampleGroup
  readonly #header = newHeader()
  readonly #partial = Buffer.alloc(blockSize)
  #partialBytes = 0
  #state: State = 'header'
  /** Of the next byte, in the uncompressed shard. */
  #position: number
  /** Where the member at hand began, its long names and pax headers included. */
  #member = -1
  /** The same of the member whose body is at hand. */
  #started = 0
  /** Bytes of the body still to come, and of the padding after it. */
  #remaining = 0
  #padding = 0
  #meta: Buffer | undefined
  #metaFilled = 0
  #metaBytes = 0
  #metaType = 0
  #longName: string | undefined
  #pax: PaxValues = {}
  readonly #global: PaxValues = {}
  #zeroBlocks = 0
  #abandoned = false

  constructor (setup: ParserSetup) {
    this.#setup = setup
    this.#counters = setup.counters
    this.#group = new SampleGroup(setup)
    this.#position = setup.position
  }

  get done (): boolean { return this.#state === 'end' }
  get broken (): boolean { return this.#abandoned }

  write (block: Uint8Array): void {
    const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
    let at = 0
    while (at < block.length && this.#state !== 'end') {
      const left = block.length - at
      let used: number
      if (this.#state === 'header' || this.#state === 'sparse map') used = this.#gather(bytes, at, left)
      else used = this.#body(block, at, left)
      at += used
    }
  }

  end (): void {
    if (this.#state === 'end') return
    const cut = this.#state !== 'header' || this.#partialBytes > 0 || this.#member >= 0
    if (cut) this.#broken('the tar shard is cut off')
    else this.#finish()
  }

  abandon (): void {
    this.#state = 'end'
    this.#abandoned = true
    this.#group.abandon()
  }

  /** Takes up to one header block; headers that lie whole in the block are read where they are. */
  #gather (bytes: Buffer, at: number, left: number): number {
    if (this.#partialBytes === 0 && left >= blockSize) {
      this.#block(bytes, at)
      return blockSize
    }
    const used = Math.min(left, blockSize - this.#partialBytes)
    bytes.copy(this.#partial, this.#partialBytes, at, at + used)
    this.#partialBytes += used
    if (this.#partialBytes === blockSize) {
      this.#partialBytes = 0
      this.#block(this.#partial, 0)
    }
    return used
  }

  #block (bytes: Buffer, at: number): void {
    if (this.#state === 'sparse map') {
      this.#position += blockSize
      if (bytes[at + 504] === 0) this.#enter('discard')
      return
    }
    const header = this.#header
    const problem = readHeader(bytes, at, header)
    if (problem !== undefined) { this.#broken(problem); return }
    if (header.zero) { this.#zero(); return }
    if (this.#zeroBlocks > 0) { this.#broken('the tar shard goes on after a single zero block'); return }
    if (this.#member < 0) this.#member = this.#position
    this.#position += blockSize
    const kind = header.type
    if (isMeta(kind)) this.#startMeta(kind, header.size)
    else this.#startMember(kind)
  }

  #zero (): void {
    if (this.#member >= 0) { this.#broken('the tar shard ends after an extended header'); return }
    this.#position += blockSize
    if (++this.#zeroBlocks === 2) this.#finish()
  }

  #finish (): void {
    this.#state = 'end'
    this.#group.finish()
  }

  #startMeta (kind: number, size: number): void {
    this.#metaBytes += size
    if (this.#metaBytes > maxMetaBytes) { this.#broken(`the extended headers of a tar member exceed ${maxMetaBytes} bytes`); return }
    this.#metaType = kind
    this.#meta = Buffer.allocUnsafe(size)
    this.#metaFilled = 0
    this.#setBody(size)
    this.#enter('meta')
  }

  #startMember (kind: number): void {
    const header = this.#header
    const pax = this.#pax
    const name = pax.path ?? this.#longName ?? this.#global.path ?? header.name
    const sparse = kind === type.sparse || kind === type.continued || pax.sparse === true || this.#global.sparse === true
    const file = kind === type.file || kind === type.old || kind === type.contiguous
    const directory = kind === type.directory || (file && name.endsWith('/'))
    const member = this.#member
    this.#started = member
    this.#forgetMeta()
    if (directory || isEmpty(kind)) {
      if (directory) this.#counters.directories++
      else if (kind === type.hardLink || kind === type.softLink) this.#counters.links++
      else this.#counters.others++
      this.#setBody(0)
      this.#enter('discard')
      return
    }
    const size = pax.size ?? this.#global.size ?? header.size
    if (this.#position + size > (this.#setup.size ?? Number.MAX_SAFE_INTEGER)) {
      this.#member = member
      this.#broken('the tar shard is cut off: a member is longer than the rest')
      return
    }
    this.#setBody(size)
    if (sparse) {
      this.#group.refuse(name, member, 'the tar member is sparse or continued, which is not supported:')
      if (kind === type.sparse && header.extended) this.#state = 'sparse map'
      else this.#enter('discard')
    } else if (!file) {
      this.#counters.others++
      this.#enter('discard')
    } else this.#enter(this.#group.file(name, size, member) ? 'file' : 'discard')
  }

  #setBody (size: number): void {
    this.#remaining = size
    this.#padding = (blockSize - size % blockSize) % blockSize
  }

  /** An empty body is complete at once: the next block is a header. */
  #enter (state: State): void {
    this.#state = state
    if (this.#remaining === 0) this.#complete()
  }

  #body (block: Uint8Array, at: number, left: number): number {
    if (this.#remaining > 0) {
      const used = Math.min(left, this.#remaining)
      if (this.#state === 'file') this.#group.data(block, at, at + used)
      else if (this.#state === 'meta') {
        this.#meta!.set(block.subarray(at, at + used), this.#metaFilled)
        this.#metaFilled += used
      }
      this.#remaining -= used
      this.#position += used
      if (this.#remaining === 0) this.#complete()
      return used
    }
    const used = Math.min(left, this.#padding)
    this.#padding -= used
    this.#position += used
    if (this.#padding === 0) this.#state = 'header'
    return used
  }

  /** All bytes of the body are there; padding may follow. */
  #complete (): void {
    if (this.#state === 'meta') {
      const problem = this.#takeMeta(this.#meta!)
      this.#meta = undefined
      if (problem !== undefined) { this.#broken(problem); return }
    }
    this.#state = this.#padding === 0 ? 'header' : 'discard'
  }

  #takeMeta (bytes: Buffer): string | undefined {
    if (this.#metaType === type.longName) this.#longName = decode(bytes, 0, bytes.length)
    else if (this.#metaType === type.global) {
      const problem = readPax(bytes, this.#global)
      this.#forgetMeta()
      return problem
    } else if (this.#metaType !== type.longLink) return readPax(bytes, this.#pax)
    return undefined
  }

  #forgetMeta (): void {
    this.#member = -1
    this.#metaBytes = 0
    if (this.#longName !== undefined) this.#longName = undefined
    if (this.#pax.path !== undefined || this.#pax.size !== undefined || this.#pax.sparse !== undefined) this.#pax = {}
  }

  /** The structure is lost: nothing after this can be trusted, and the sample at hand may have lacked a file. */
  #broken (problem: string): void {
    const position = this.#member >= 0 ? this.#member : this.#state === 'header' ? this.#position : this.#started
    this.abandon()
    this.#setup.fail(problem, position)
  }
}

/** Types whose body speaks of the member after them. */
function isMeta (kind: number): boolean {
  return kind === type.pax || kind === type.global || kind === type.solarisPax || kind === type.longName || kind === type.longLink
}

/** Types that have no body whatever their size field says (as GNU tar and Python's tarfile read them). */
function isEmpty (kind: number): boolean {
  return kind === type.hardLink || kind === type.softLink || kind === type.character || kind === type.block || kind === type.pipe || kind === type.volume
}
