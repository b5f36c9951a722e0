import { invalid } from './errors.js'

/** Names to keep, each with what to keep inside; `undefined` keeps everything. */
export type Mask = ReadonlyMap<string, Mask | undefined> | undefined

/** The names that a resource has; `true` is a leaf or free-form. */
export interface Schema { readonly [name: string]: Schema | true }

/**
 * Read the `fields` parameter: `a,b(c,d),e/f,*`.
 * @throws GcsError 400 invalidParameter, for bad syntax and for a name that the resource does not have
 */
export function parseFields (text: string | null, schema: Schema): Mask {
  if (text === null) return undefined
  const reader = new FieldReader(text)
  const mask = reader.list()
  if (!reader.atEnd) throw badField(text)
  check(mask, schema)
  return mask
}

/** Whether a mask keeps that name. */
export function keeps (mask: Mask, name: string): boolean {
  return mask === undefined || mask.has(name) || mask.has('*')
}

/** What a mask keeps inside of a name. */
export function inside (mask: Mask, name: string): Mask {
  return mask === undefined ? undefined : mask.get(name) ?? mask.get('*')
}

/** What a mask keeps of a value. */
export function select (value: unknown, mask: Mask): unknown {
  if (mask === undefined || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(one => select(one, mask))
  return Object.fromEntries(Object.entries(value).filter(([name]) => keeps(mask, name)).map(([name, one]) => [name, select(one, inside(mask, name))]))
}

function check (mask: Mask, schema: Schema): void {
  for (const [name, rest] of mask ?? []) {
    const known = name === '*' ? true : schema[name]
    if (known === undefined) throw badField(name)
    if (known !== true) check(rest, known)
  }
}

function badField (text: string): Error {
  return invalid(`Invalid field selection ${text}`, 'fields', 'invalidParameter')
}

class FieldReader {
  readonly #text: string
  #at = 0

  constructor (text: string) { this.#text = text }

  get atEnd (): boolean { return this.#at === this.#text.length }

  list (): Map<string, Mask> {
    const mask = new Map<string, Mask>()
    do this.#item(mask)
    while (this.#eat(','))
    return mask
  }

  #item (mask: Map<string, Mask>): void {
    const name = /^(?:\*|[\w-]+)/.exec(this.#text.slice(this.#at).trimStart())?.[0]
    if (name === undefined) throw badField(this.#text)
    this.#at = this.#text.indexOf(name, this.#at) + name.length
    let rest: Map<string, Mask> | undefined
    if (this.#eat('/')) this.#item(rest = new Map())
    else if (this.#eat('(')) {
      rest = this.list()
      if (!this.#eat(')')) throw badField(this.#text)
    }
    const before = mask.get(name)
    mask.set(name, before !== undefined && rest !== undefined ? new Map([...before, ...rest]) : rest)
  }

  #eat (char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }
}
