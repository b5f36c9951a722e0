import type { Sizes } from './types.js'

const MiB = 1024 * 1024

export const smallBytes = 10 * 1024
export const rangeBytes = 4096
/** All that is uploaded consists of it. */
export const uploadByte = 7
export const bucket = 'bucket'
export const bigKey = 'big.bin'
/** Content repeats after this many bytes, so that a server can answer any range of any file from one buffer. */
export const patternBytes = 8 * MiB
export const checkpointFiles = 8
/** Where a server tells how many bytes of the checkpoint it has sent. */
export const servedPath = '/-/served'
export const latencyMs = 20

export const fullSizes: Sizes = {
  smallObjects: 5000, bigBytes: 1024 * MiB, keys: 100_000, shards: 8, shardBytes: 64 * MiB, ranges: 20_000, uploadBytes: 512 * MiB, checkpointFileBytes: 8 * MiB
}

export const quickSizes: Sizes = {
  smallObjects: 1000, bigBytes: 128 * MiB, keys: 20_000, shards: 4, shardBytes: 16 * MiB, ranges: 4000, uploadBytes: 64 * MiB, checkpointFileBytes: 2 * MiB
}

export function smallKey (index: number): string { return `small/${String(index).padStart(5, '0')}.bin` }

export function shardKey (index: number): string { return `shards/shard-${String(index).padStart(4, '0')}.tar` }

/** Directory of the checkpoint, in the bucket. */
export const checkpointKey = 'checkpoint'

export function checkpointFileKey (index: number): string { return `${checkpointKey}/part-${String(index).padStart(2, '0')}.bin` }
