import { kindOf } from '../errors/index.js'

export const KiB = 1024
export const MiB = 1024 * 1024

/** Throws unless `value` is an integer >= `minimum`: TypeError for what is no number, RangeError for the wrong number. */
export function expectInteger (name: string, value: unknown, minimum: number): asserts value is number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return
  const message = `Expected \`${name}\` to be an integer${minimum === Number.MIN_SAFE_INTEGER ? '' : ` >= ${minimum}`}, got \`${String(value)}\` (${typeof value})`
  throw typeof value === 'number' ? new RangeError(message) : new TypeError(message)
}

/** Throws a TypeError unless `value` is a Uint8Array (a Buffer is one), of this realm or another. */
export function expectBytes (name: string, value: unknown): asserts value is Uint8Array {
  if (Object.prototype.toString.call(value) === '[object Uint8Array]') return
  throw new TypeError(`Expected \`${name}\` to be a Uint8Array, got (${kindOf(value)})`)
}

/** One offset as `Array.prototype.slice` takes it: negative counts from the end; the result lies in [0, size]. */
export function resolveOffset (name: string, value: number, size: number): number {
  expectInteger(name, value, Number.MIN_SAFE_INTEGER)
  return value < 0 ? Math.max(0, size + value) : Math.min(value, size)
}

export { allocate } from '../net/memory.js'

export function nothing (): void {}
