/** What errors about arguments are made of: kinds, near misses, names that nobody takes. */
import { kindOf } from './kind-of.js'

/** Any object but an array, also one with a prototype of its own. */
export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object whose tag is Object: no array, date, map or error. */
export function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]'
}

/** The name in `known` that `name` was meant to be: fewest edits, at most two or a third of its letters; one where `name` has fewer than five. */
export function nearestName (name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < least && distance <= (name.length < 5 ? 1 : Math.max(2, candidate.length / 3))) { best = candidate; least = distance }
  }
  return best
}

/** Neighbours that changed places are one edit. */
function editDistance (a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1), swapped ? before[j - 2]! + 1 : Infinity)
    }
    before = previous
    previous = row
  }
  return previous[b.length]!
}

/** "`x` (number)", never the value of a secret. */
export function shown (value: unknown, secret: boolean | undefined): string {
  const kind = kindOf(value)
  if (secret === true || value === null || typeof value === 'object' || typeof value === 'function') return `(${kind})`
  const text = String(value)
  return `\`${text.length > 60 ? text.slice(0, 60) + '…' : text}\` (${kind})`
}

/** For a name that `owner` ("s3", "find()") does not take: with the nearest one that it does, or all of them. */
export function unknownOption (name: string, owner: string, known: readonly string[]): TypeError {
  const near = nearestName(name, known)
  return new TypeError(`Unknown option \`${name}\` of ${owner}${near === undefined ? `; known are ${known.join(', ')}` : `: did you mean \`${near}\`?`}`)
}

/**
 * Refuse names that `owner` (a function, a class, an option) does not take: a misspelt one would be none, silently. Costs a look at each own name.
 * @throws TypeError that names the option and the nearest known one, or for what is no object
 */
export function checkNames (owner: string, options: object, known: ReadonlySet<string>, more: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null) checkObject(owner, options)
  for (const name in options) {
    if (known.has(name) || !Object.hasOwn(options, name) || more.includes(name)) continue
    throw unknownOption(name, owner, [...known, ...more])
  }
}

/** @throws TypeError unless the options of `owner` are an object */
export function checkObject (owner: string, options: unknown): void {
  if (!isRecord(options)) throw new TypeError(`Expected the options of ${owner} to be an object, got ${shown(options, false)}`)
}
