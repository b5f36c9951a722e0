import assert from 'node:assert/strict'

/** Bytes that differ from place to place and from seed to seed. */
export function pattern (length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = Math.imul(seed, 2654435761) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

let many: Uint8Array | undefined

/** 9 MiB: more than one part of an upload or a download. Made once, not to be changed. */
export function nineMiB (): Uint8Array { return many ??= pattern(9 * 1024 * 1024, 9) }

/** Equal bytes, told without printing megabytes. */
export function assertBytes (actual: unknown, expected: Uint8Array, what = 'bytes'): void {
  assert.ok(actual instanceof Uint8Array, `${what}: expected a Uint8Array, got ${String(actual)}`)
  assert.equal(actual.length, expected.length, `${what}: the length`)
  if (Buffer.compare(actual, expected) === 0) return
  assert.fail(`${what}: other contents from byte ${actual.findIndex((byte, at) => byte !== expected[at])} on`)
}

export function textOf (bytes: Uint8Array): string { return new TextDecoder().decode(bytes) }
export function bytesOf (text: string): Uint8Array { return new TextEncoder().encode(text) }
