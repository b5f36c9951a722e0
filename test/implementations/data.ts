/** What the tests of all implementations write and expect. */

export const KiB = 1024
export const MiB = 1024 * 1024

/** Bytes that differ from place to place and from seed to seed. */
export function pattern (length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = seed * 2654435761 >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Fields of an FsError, for assert.rejects(). */
export function code (expected: string, more: Record<string, unknown> = {}): Record<string, unknown> { return { code: expected, ...more } }
