import { Copies } from './copies.js'
import type { Places } from './places.js'
import { makeSegment, readAll } from './segment.js'
import type { Segment } from './segment.js'

const chunkBytes = 1 << 18

/** Read back and compared: nothing that is shorter than the contents could tell for certain. */
function equals ({ fd }: Segment, offset: number, bytes: Uint8Array): boolean {
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, bytes.byteLength))
  for (let done = 0; done < bytes.byteLength; done += chunkBytes) {
    const part = chunk.subarray(0, Math.min(chunkBytes, bytes.byteLength - done))
    readAll(fd, part, offset + done)
    if (part.compare(bytes, done, done + part.length) !== 0) return false
  }
  return true
}

/** Places are prepared anew in each epoch: copies of the one before are not found any more. */
const byPlaces = new WeakMap<Places, Copies<Segment>>()

/** The segments that were made of arrays of this thread in these places. */
export function segmentsIn (places: Places): Copies<Segment> {
  let found = byPlaces.get(places)
  if (found === undefined) {
    found = new Copies<Segment>({ make: bytes => makeSegment(bytes, places), holds: equals, discard (segment) { segment.close() } })
    byPlaces.set(places, found)
  }
  return found
}

/** Copies in memory that all threads see. */
export const sharedBuffers = new Copies<SharedArrayBuffer>({
  make (bytes) {
    const copy = new SharedArrayBuffer(bytes.byteLength)
    new Uint8Array(copy).set(bytes)
    return copy
  },
  holds: (copy, offset, bytes) => Buffer.from(copy, offset, bytes.byteLength).equals(bytes),
  discard () {}
})
