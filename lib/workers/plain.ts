/** Not imported: from Node 22 on that reads getters of the module which load the network. */
const { types } = process.getBuiltinModule('node:util')

/** As many objects are looked into before the look costs more than what it saves. */
const few = 64

/**
 * Whether a value consists of primitives, arrays and plain objects alone, and of few of them, no descriptor among them: what most calls carry.
 * It keeps no account of what it has seen, so that it costs a fraction of a walk that does. `false` says nothing about the value.
 */
export function isPlain (value: unknown): boolean {
  return typeof value !== 'object' || value === null || look(value, few) >= 0
}

/** @returns how many more objects may be looked into; < 0: something else is in it, or too much */
function look (value: object, left: number): number {
  if (left === 0 || types.isProxy(value)) return -1
  left--
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      if (typeof item === 'object' && item !== null && (left = look(item, left)) < 0) return left
    }
    return left
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return -1
  for (const key in value) {
    if (key === '$forkfs') return -1
    const item = (value as Readonly<Record<string, unknown>>)[key]
    if (typeof item === 'object' && item !== null && (left = look(item, left)) < 0) return left
  }
  return left
}
