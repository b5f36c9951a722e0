/**
 * Directories of model state that many processes of a node read and one of them downloads: Ray's `Checkpoint`.
 *
 * A checkpoint that persist() wrote is complete or absent: `.checkpoint.incomplete` is put first, `.checkpoint.json` (names, sizes,
 * SHA-256) last. Directories without a manifest, Ray's own among them, are read as they are.
 */
export { Checkpoint } from './checkpoint.js'
export type { CheckpointDirectory, PersistOptions, PruneOptions } from './checkpoint.js'
export type { ReadOptions } from './shared.js'
