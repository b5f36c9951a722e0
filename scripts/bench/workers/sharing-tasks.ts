/** What workers do with the arrays that they are given. */
import type { SharedArray } from '../../../lib/memmap/index.js'

/** One element of each page of 4 KiB. */
const step = 512

function touch (array: Float64Array): number {
  let total = 0
  for (let index = 0; index < array.length; index += step) total += array[index]!
  return total
}

export function lengthOf (array: Uint8Array): number { return array.length }
export function touchArray (array: Float64Array): number { return touch(array) }
export function touchShared (shared: SharedArray<Float64Array>): number { return touch(shared.array) }
export function echo (value: unknown): unknown { return value }
