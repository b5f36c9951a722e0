/** What a value is, for the message about an argument that should have been something else: "number", "null", "array", "URL", "ArrayBuffer". */
export function kindOf (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'object') return typeof value
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  return tag === 'Promise' ? 'Promise: is an `await` missing?' : tag === 'Object' ? 'object' : tag
}
