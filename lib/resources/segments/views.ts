/** What can be shared: arrays of numbers. */
export type NumericArray =
  | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array | Uint8ClampedArray

type ArrayClass = new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => NumericArray
const classes = {
  Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array, Uint8ClampedArray
} as unknown as Readonly<Record<string, ArrayClass & { readonly BYTES_PER_ELEMENT: number }>>

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get as (this: unknown) => string | undefined

/** Its class by what it is, whatever its prototype: 'Uint8Array' for a Buffer. Undefined for what is no array of numbers known here. */
export function arrayName (value: unknown): string | undefined {
  const name = ArrayBuffer.isView(value) ? tagOf.call(value) : undefined
  return name !== undefined && Object.hasOwn(classes, name) ? name : undefined
}

export function isArrayName (name: unknown): name is string { return typeof name === 'string' && Object.hasOwn(classes, name) }

export function elementBytes (name: string): number { return classes[name]!.BYTES_PER_ELEMENT }

/** @throws RangeError where it does not lie in the buffer */
export function arrayOver (name: string, buffer: ArrayBufferLike, byteOffset: number, length: number): NumericArray {
  return new classes[name]!(buffer, byteOffset, length)
}

export function bytesOf (view: ArrayBufferView): Uint8Array { return new Uint8Array(view.buffer, view.byteOffset, view.byteLength) }

/** A copy in memory of its own. */
export function privateCopy (view: ArrayBufferView): ArrayBuffer {
  const copy = new ArrayBuffer(view.byteLength)
  new Uint8Array(copy).set(bytesOf(view))
  return copy
}
