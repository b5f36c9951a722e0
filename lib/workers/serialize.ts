import { DefaultDeserializer, DefaultSerializer } from 'node:v8'
import { FsError, isFsError } from '../errors/index.js'

/** The hooks that Node's own call for Buffers and typed arrays. */
interface Views { _readHostObject (): ArrayBufferView, _writeHostObject (view: ArrayBufferView): void }
const plain = [DefaultSerializer.prototype, DefaultDeserializer.prototype] as unknown as readonly [Views, Views]

/** What goes in the place of an array that is not sent along. */
type Swap = (view: ArrayBufferView) => unknown
type Restore = (body: unknown) => ArrayBufferView

const sent = 0
const swapped = 1

class Writer extends DefaultSerializer {
  readonly #swap: Swap

  constructor (swap: Swap) {
    super()
    this.#swap = swap
  }

  _writeHostObject (view: ArrayBufferView): void {
    const body = ArrayBuffer.isView(view) ? this.#swap(view) : undefined
    this.writeUint32(body === undefined ? sent : swapped)
    if (body === undefined) plain[0]._writeHostObject.call(this, view)
    else this.writeValue(body)
  }
}

/** Node's own gives views of the message: arrays of one message would share (and detach, when transferred) one buffer. */
class Reader extends DefaultDeserializer {
  readonly #restore: Restore

  constructor (bytes: Buffer, restore: Restore) {
    super(bytes)
    this.#restore = restore
  }

  _readHostObject (): ArrayBufferView {
    if (this.readUint32() === swapped) return this.#restore(this.readValue())
    const view = plain[1]._readHostObject.call(this)
    if (view instanceof DataView) return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
    return Uint8Array.prototype.slice.call(view)
  }
}

const asIs: Swap = () => undefined

/**
 * A structured clone as bytes. `swap`: what goes in the place of an array (undefined: itself). `before`: bytes in front of it, an even number.
 * @throws what can not be cloned, and what getters throw
 */
export function toBytes (value: unknown, swap: Swap = asIs, before?: Uint8Array): Buffer {
  const writer = new Writer(swap)
  if (before !== undefined) writer.writeRawBytes(before)
  writer.writeHeader()
  writer.writeValue(value)
  return writer.releaseBuffer()
}

const noArray: Restore = () => new Uint8Array()

/** `restore` gives the array for what `swap` gave. */
export function fromBytes (bytes: Buffer, restore: Restore = noArray): unknown {
  const reader = new Reader(bytes, restore)
  reader.readHeader()
  return reader.readValue()
}

/** Says whether one value crosses the channel. */
export type Clones = (value: unknown) => boolean

const maxSteps = 10_000

/** What await waits for. */
export function isThenable (value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

/**
 * Refuse what the caller forgot to await: a clone fails for promises without saying so, and makes an empty object of other thenables.
 * @throws FsError FORKFS_UNCLONEABLE that names it
 */
export function refusePromises (values: readonly unknown[], nameOf: (index: number) => string): void {
  for (let index = 0; index < values.length; index++) if (isThenable(values[index])) throw promised(nameOf(index))
}

function promised (name: string, cause?: unknown): FsError {
  return new FsError('FORKFS_UNCLONEABLE', `\`${name}\` is a promise, and its value may not be there yet: await it first`, { operation: 'call', path: name, cause })
}

/**
 * FORKFS_UNCLONEABLE with the path of what can not cross, as code would name it: `args[0].fn`. Costs clones of the parts, once per level.
 */
export function uncloneable (error: unknown, value: unknown, root: string, clones: Clones): FsError {
  if (isFsError(error)) return error
  const { name, kind, promise } = find(value, root, clones)
  if (promise) return promised(name, error)
  return new FsError('FORKFS_UNCLONEABLE', `\`${name}\` (${kind}) can not be sent to another thread or process: send plain data, and what rebuilds the rest`, {
    operation: 'call', path: name, cause: error
  })
}

interface Culprit { readonly name: string, readonly kind: string, readonly promise: boolean }

function find (value: unknown, root: string, clones: Clones): Culprit {
  let name = root
  let current = value
  let steps = 0
  for (let depth = 0; depth < 64; depth++) {
    let next: [string, unknown] | undefined
    for (const child of children(current)) {
      if (++steps > maxSteps) return culprit(name, current)
      if (isPrimitive(child[1]) || clones(child[1])) continue
      next = child
      break
    }
    if (next === undefined || isThenable(current)) return culprit(name, current)
    name += next[0]
    current = next[1]
  }
  return culprit(name, current)
}

function culprit (name: string, value: unknown): Culprit { return { name, kind: kindOf(value), promise: isThenable(value) } }

function * children (value: unknown): Iterable<[string, unknown]> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) yield [`[${index}]`, value[index]]
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      yield [`.keys(${shown(key)})`, key]
      yield [`.get(${shown(key)})`, item]
    }
  } else if (value instanceof Set) {
    for (const item of value) yield [`.values(${shown(item)})`, item]
  } else {
    for (const key of Object.keys(value)) {
      const name = /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 100))}]`
      try { yield [name, (value as Record<string, unknown>)[key]] } catch { yield [name, undefined] }
    }
  }
}

function isPrimitive (value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol')
}

function shown (value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : typeof value === 'number' ? String(value) : ''
}

function kindOf (value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  return Object.prototype.toString.call(value).slice(8, -1)
}
