/** What workers of killed processes do. */
import { setTimeout as delay } from 'node:timers/promises'
import type { SharedArray } from '../../../lib/memmap/index.js'

export function add (a: number, b: number): number { return a + b }
export function echo<T> (value: T): T { return value }
export async function later (ms: number, value: number): Promise<number> {
  await delay(ms)
  return value
}
export function pid (): number { return process.pid }
export function filled (length: number, value: number): Float64Array { return new Float64Array(length).fill(value) }
export function leave (code: number): never { return process.exit(code) }
export function struck (signal: NodeJS.Signals): Promise<never> {
  process.kill(process.pid, signal)
  return new Promise(() => { setInterval(() => {}, 1000) })
}

/** The one value that an array is full of; NaN: it is not, or not of that length. */
export function valueOf (array: Float64Array, length: number): number {
  const [first = NaN] = array
  return array.length === length && array.every(value => value === first) ? first : NaN
}

export function valueOfShared (shared: SharedArray<Float64Array>, length: number): number { return valueOf(shared.array, length) }
