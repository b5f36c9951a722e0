/** The uncompressed contents of a shard: gzip by suffix (.gz, .tgz) or by its first two bytes, several members included. */
import { SampleError } from './sample-error.js'
import type { Gunzip } from 'node:zlib'
import type { ShardInput } from './types.js'

const chunkBytes = 256 * 1024
const suffixes = /\.(?:gz|tgz)$/i

export interface Contents {
  /** Known once the first block is there. */
  compressed: boolean
}

/** @param start offset in the stored shard; above 0 only for shards that are not compressed */
export async function * openContents (input: ShardInput, start: number, contents: Contents): AsyncGenerator<Uint8Array, void, undefined> {
  if (start > 0) { yield* input.blocks(start); return }
  const blocks = input.blocks(0)[Symbol.asyncIterator]()
  try {
    const head = await firstBytes(blocks)
    contents.compressed = suffixes.test(input.shard) || (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b)
    const all = joined(head, blocks)
    yield* contents.compressed ? gunzip(all, input.shard) : all
  } finally {
    await blocks.return?.()
  }
}

/** The first block, or a copy of the first ones where they are too short to show a magic number. */
async function firstBytes (blocks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0)
  while (head.length < 2) {
    const kept = new Uint8Array(head) // a copy also of a Buffer, whose slice() is a view
    const next = await blocks.next()
    if (next.done === true) return kept
    head = kept.length === 0 ? next.value : Buffer.concat([kept, next.value])
  }
  return head
}

async function * joined (head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  if (head.length > 0) yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

async function * gunzip (blocks: AsyncIterable<Uint8Array>, shard: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { createGunzip } = await import('node:zlib')
  const stream = createGunzip({ chunkSize: chunkBytes })
  stream.on('error', () => {}) // seen by the loop below; none must be left unheard after it
  let sourceError: unknown
  const feeding = feed(blocks, stream).catch((error: unknown) => {
    sourceError = error
    stream.destroy(error instanceof Error ? error : new Error('the source of the shard failed', { cause: error }))
  })
  let made = 0
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      made += chunk.length
      yield chunk
    }
  } catch (error) {
    if (sourceError !== undefined) throw sourceError
    if (!isZlibError(error)) throw error
    throw new SampleError(error.code === 'Z_BUF_ERROR' ? 'the gzip data is cut off' : 'the gzip data is damaged', { path: shard, position: made, cause: error })
  } finally {
    stream.destroy()
    await feeding // no block is asked for after this
  }
}

/** One block at a time: the next one is asked for when zlib is through with the one before. */
async function feed (blocks: AsyncIterable<Uint8Array>, stream: Gunzip): Promise<void> {
  for await (const block of blocks) {
    await new Promise<void>(resolve => {
      const finish = (): void => {
        stream.off('close', finish)
        resolve()
      }
      stream.once('close', finish) // destroyed while it waits for a reader: the callback may never come
      stream.write(block, finish)
    })
    if (stream.destroyed) return
  }
  stream.end()
}

function isZlibError (error: unknown): error is Error & { readonly code: string } {
  const code = (error as { readonly code?: unknown } | null)?.code
  return error instanceof Error && typeof code === 'string' && code.startsWith('Z_')
}
