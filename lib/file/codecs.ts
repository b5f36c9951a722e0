import type { Transform } from 'node:stream'
import { FsError, isNodeError } from '../errors/index.js'
import type { CompressionName, OpenOptions } from '../filesystem/types.js'

/** A zlib transform; `bytesWritten` counts the input it used. */
export interface Codec {
  decoder (): Transform & { readonly bytesWritten: number }
  encoder (): Transform
}

const suffixes: Readonly<Record<string, CompressionName>> = Object.freeze({ '.gz': 'gzip', '.deflate': 'deflate', '.br': 'brotli', '.zst': 'zstd' })
const names: readonly string[] = Object.freeze(['gzip', 'deflate', 'brotli', 'zstd'])

/**
 * What `compression` means for a path: 'infer' goes by the suffix (.gz, .deflate, .br, .zst; any other: as stored).
 * @throws TypeError for a name that is none.
 */
export function resolveCompression (compression: OpenOptions['compression'], path: string): CompressionName | undefined {
  if (compression === undefined || compression === null) return undefined
  if (compression === 'infer') return Object.entries(suffixes).find(([suffix]) => path.toLowerCase().endsWith(suffix))?.[1]
  if (names.includes(compression)) return compression
  throw new TypeError(`Expected \`compression\` to be 'infer', null or one of ${names.join(', ')}, got \`${String(compression)}\` (${typeof compression})`)
}

/** Present in Node from 22.15 on. */
interface MaybeZstd { readonly createZstdDecompress?: () => ReturnType<Codec['decoder']>, readonly createZstdCompress?: () => Transform }

/**
 * Load node:zlib and pick a codec. 'deflate' is the zlib format (RFC 1950), as in HTTP.
 * @throws FsError FORKFS_MISSING_PEER for zstd where Node has none.
 */
export async function loadCodec (name: CompressionName, path: string): Promise<Codec> {
  const zlib = await import('node:zlib')
  if (name === 'gzip') return { decoder: () => zlib.createGunzip(), encoder: () => zlib.createGzip() }
  if (name === 'deflate') return { decoder: () => zlib.createInflate(), encoder: () => zlib.createDeflate() }
  if (name === 'brotli') return { decoder: () => zlib.createBrotliDecompress(), encoder: () => zlib.createBrotliCompress() }
  const { createZstdCompress, createZstdDecompress } = zlib as MaybeZstd
  if (createZstdCompress === undefined || createZstdDecompress === undefined) {
    throw new FsError('FORKFS_MISSING_PEER', `zstd needs Node 22.15 or later, this is ${process.version}`, { path })
  }
  return { decoder: createZstdDecompress, encoder: createZstdCompress }
}

/** zlib's errors: the end is missing, or the bytes are none of this format. Any other error comes back untouched. */
export function fromZlibError (error: unknown, path: string): unknown {
  if (error instanceof FsError || !isNodeError(error)) return error
  const { code = '' } = error
  if (code === 'Z_BUF_ERROR') return new FsError('FORKFS_TRUNCATED', 'the compressed data ends too early', { path, cause: error })
  if (!/^(Z_|ERR_?_|ERR_BROTLI|ERR_ZLIB|ZSTD_|ERR_ZSTD)/.test(code)) return error
  return new FsError('FORKFS_PROTOCOL', 'the compressed data is damaged, or compressed in another way', { path, cause: error })
}
