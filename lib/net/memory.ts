import type { Bytes } from '../filesystem/types.js'

/** Memory of its own (never of a pool: it may be transferred), not zeroed: whoever asks fills all of it, or gives it to nobody. */
export function allocate (length: number): Bytes {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
}
