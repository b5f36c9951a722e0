/** Any path or URI as one binary stream that is published exactly once and whole, or not at all. */
export { openStream, withStream } from './open-stream.js'
export { recover } from './recover.js'
export type { RecoverOptions, RecoverReport } from './recover.js'
export type { RedisOptions } from './redis.js'
export type { ObjectStream, StreamFlags, StreamOptions, StreamStats } from './types.js'
export { UploadError } from './upload-error.js'
