/** What the objects of the table hold, and how it is compared. */
import assert from 'node:assert/strict'
import { MiB, pattern } from '../implementations/data.js'

export { MiB, pattern }

export const content = pattern(1000)
export const old = pattern(700, 2)
export const text = Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join('')
export const bigContent = pattern(8 * MiB + 100, 3)
/** get() fetches this in parts. */
export const hugeContent = pattern(16 * MiB + 100, 6)
/** Two more than a page of a listing or a delete holds, in their order. */
export const manyNames: readonly string[] = Array.from({ length: 1002 }, (_, at) => String(at).padStart(4, '0'))

export function equal (actual: Uint8Array, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array, 'bytes are expected')
  assert.ok(Buffer.compare(actual, expected) === 0, `other bytes: ${actual.length} came, ${expected.length} belong`)
}

/** These names below `base`, in any order. */
export function names (actual: readonly string[], base: string, expected: readonly string[]): void {
  assert.deepEqual([...actual].sort(), expected.map(name => `${base}/${name}`).sort())
}

/** The one or the other, never a mixture. */
export function oneOf (actual: Uint8Array | undefined, ...allowed: ReadonlyArray<Uint8Array | undefined>): void {
  const fits = allowed.some(each => actual === undefined || each === undefined ? actual === each : Buffer.compare(actual, each) === 0)
  assert.ok(fits, `what is stored (${actual?.length ?? 'no'} bytes) is neither the old nor the new`)
}
