import { BytesParser } from './bytes.js'
import { SampleCollector } from './collect.js'
import { openContents } from './gzip.js'
import { jsonlParser } from './jsonl.js'
import { LineParser } from './lines.js'
import { Packer } from './pack.js'
import { SampleError } from './sample-error.js'
import { TarParser } from './tar.js'
import { newCounters } from './types.js'
import type { PackedBlock } from './block-layout.js'
import type { Contents } from './gzip.js'
import type { PackOptions, ParserSetup, ReaderCounters, ReaderName, ReadOptions, ReadSample, SampleSink, ShardInput, ShardParser, ShardReader } from './types.js'

export { SampleError } from './sample-error.js'
export { Unpacker } from './unpack.js'
export { bytesOf, toBuffers } from './block-layout.js'
export type { PackedBlock } from './block-layout.js'
export { newCounters } from './types.js'
export type * from './types.js'

const defaultBlockBytes = 1024 * 1024

const parsers: Readonly<Record<ReaderName, (setup: ParserSetup) => ShardParser>> = {
  tar: setup => new TarParser(setup),
  jsonl: jsonlParser,
  lines: setup => new LineParser(setup, false),
  bytes: setup => new BytesParser(setup)
}

export const readerNames: readonly ReaderName[] = Object.freeze(Object.keys(parsers) as ReaderName[])

/** @throws TypeError for another name */
export function openReader (name: ReaderName): ShardReader {
  if (!Object.hasOwn(parsers, name)) throw new TypeError(`Expected \`reader\` to be one of ${readerNames.join(', ')}, got \`${String(name)}\``)
  return {
    name,
    read: (input, options) => readOne(name, input, options ?? {}),
    batches: (input, options) => readBatches(name, input, options ?? {}),
    pack: (input, options) => packShard(name, input, options ?? {})
  }
}

async function * readOne (name: ReaderName, input: ShardInput, options: ReadOptions): AsyncGenerator<ReadSample, void, undefined> {
  for await (const batch of readBatches(name, input, options)) yield* batch
}

async function * readBatches (name: ReaderName, input: ShardInput, options: ReadOptions): AsyncGenerator<readonly ReadSample[], void, undefined> {
  const sink = new SampleCollector(name, input.shard)
  const skipBroken = options.onError === 'skip'
  const counters = options.counters ?? newCounters()
  for await (const failure of parseShard(name, input, { ...options, counters }, sink)) {
    const taken = sink.take()
    const broken = taken.findIndex(sample => sample.error !== undefined)
    if (broken < 0) {
      if (taken.length > 0) yield taken
    } else if (skipBroken) {
      const sound = taken.filter(sample => sample.error === undefined)
      discount(counters, taken)
      if (sound.length > 0) yield sound
    } else {
      if (broken > 0) yield taken.slice(0, broken)
      throw taken[broken]!.error!
    }
    if (failure !== undefined) throw failure.error
  }
}

async function * packShard (name: ReaderName, input: ShardInput, options: PackOptions): AsyncGenerator<PackedBlock, void, undefined> {
  const { acquire = newBlock, blockBytes = defaultBlockBytes, flushBytes = blockBytes / 4 } = options
  if (!Number.isInteger(blockBytes) || blockBytes < 1024) {
    throw new RangeError(`Expected \`blockBytes\` to be an integer >= 1024, got \`${String(blockBytes)}\` (${typeof blockBytes})`)
  }
  const sink = new Packer({ acquire, blockBytes, flushBytes, lender: input.lender })
  for await (const failure of parseShard(name, input, options, sink)) {
    if (failure !== undefined || sink.due) sink.flush()
    yield* takeAll(sink.full)
    if (failure !== undefined) throw failure.error
  }
  sink.flush()
  yield* takeAll(sink.full)
}

/** Values that could not be made were counted as samples when their bytes were found. */
function discount (counters: ReaderCounters, samples: readonly ReadSample[]): void {
  for (const { error, bytes } of samples) {
    if (error === undefined) continue
    counters.skipped++
    counters.samples--
    counters.bytes -= bytes
  }
}

function * takeAll (blocks: PackedBlock[]): Generator<PackedBlock, void, undefined> {
  for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) yield block
}

function newBlock (bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes)
}

interface Failure { readonly error: unknown }
/** One block of the source was parsed; or the shard ended, with an error. */
type Step = Failure | undefined

/**
 * Runs the parser over the shard; yields after each block, and once more with the error that ends it, so that what came before
 * the error reaches the consumer before the error does.
 */
async function * parseShard (name: ReaderName, input: ShardInput, options: ReadOptions, sink: SampleSink): AsyncGenerator<Step, void, undefined> {
  const { signal, anchor, counters = newCounters() } = options
  const skipBroken = options.onError === 'skip'
  const setup = newSetup(input, { ...options, counters }, sink)
  const parser = parsers[name](setup)
  const contents: Contents = { compressed: false }
  const start = anchor?.offset ?? 0
  let failure: Failure | undefined
  const blocks = name === 'bytes' ? input.blocks(start) : openContents(input, start, contents)
  const iterator = blocks[Symbol.asyncIterator]()
  try {
    while (!parser.done || (contents.compressed && !parser.broken)) { // the end of gzip data is its checksum
      signal?.throwIfAborted()
      const next = await iterator.next()
      signal?.throwIfAborted()
      sink.compressed = contents.compressed
      if (contents.compressed) setup.size = undefined
      if (next.done === true) break
      if (!parser.done) parser.write(plain(next.value))
      if (!parser.done || !contents.compressed) yield undefined
    }
    if (!parser.done) parser.end()
  } catch (error) {
    parser.abandon()
    if (skipBroken && error instanceof SampleError) counters.skipped++
    else failure = { error }
  } finally {
    await iterator.return?.()
  }
  yield failure
}

function newSetup (input: ShardInput, options: ReadOptions, sink: SampleSink): ParserSetup {
  const { skip = 0, anchor, maxSampleBytes, counters = newCounters() } = options
  checkInteger('skip', skip, 0, Number.MAX_SAFE_INTEGER)
  if (anchor !== undefined) {
    checkInteger('anchor.index', anchor.index, 0, skip)
    checkInteger('anchor.offset', anchor.offset, 0, Number.MAX_SAFE_INTEGER)
  }
  if (maxSampleBytes !== undefined) checkInteger('maxSampleBytes', maxSampleBytes, 1, 2 ** 32 - 1)
  const skipBroken = options.onError === 'skip'
  return {
    shard: input.shard,
    size: input.size,
    skip,
    first: anchor?.index ?? 0,
    position: anchor?.offset ?? 0,
    maxSampleBytes,
    sink,
    counters,
    fail: (problem, position, line) => {
      if (!skipBroken) throw new SampleError(problem, { path: input.shard, position, line })
      counters.skipped++
    }
  }
}

function checkInteger (name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`Expected \`${name}\` to be an integer in ${least}..${most}, got \`${String(value)}\` (${typeof value})`)
}

/** Buffers slice differently: parsers and sinks see plain arrays. */
function plain (block: Uint8Array): Uint8Array {
  return block.constructor === Uint8Array ? block : new Uint8Array(block.buffer, block.byteOffset, block.byteLength)
}
