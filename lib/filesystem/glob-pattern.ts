/**
 * Glob patterns over names. Written here and not taken from a library, because the rules of fsspec are others than those of
 * the JavaScript globs (picomatch, minimatch: braces, extglob, backslash escapes, hidden dot files, `[^…]`, `**` beside
 * letters), and because the work stays bounded: names come from strangers, a regular expression backtracks with the power
 * of its stars, this needs at most name length x pattern length steps.
 */

/** A component of a pattern. `any` is `*`, `globstar` is `**`; `match` begins with the literal `stem`; `stemOnly`: it is `stem*`. */
export type Part = { readonly kind: 'literal', readonly text: string } | Wildcard
export type Wildcard =
  | { readonly kind: 'any' }
  | { readonly kind: 'globstar' }
  | { readonly kind: 'match', readonly stem: string, readonly stemOnly: boolean, readonly matches: (name: string) => boolean }

export interface Pattern {
  readonly parts: readonly Part[]
  /**
   * Index of the part from which one recursive listing is the way: the first `**`, or the parts before it that leave nothing
   * out which a listing with a prefix would still give (`*`, `stem*`); parts.length without `**`.
   */
  readonly recursiveFrom: number
  readonly rest: Rest
}

/** The parts from `recursiveFrom` on, against paths relative to the directory where they begin. */
export interface Rest {
  /** The letters that such a path begins with. */
  readonly prefix: string
  /** How many parts there are before the first `**`. */
  readonly levelsBeforeGlobstar: number
  /** Whether the directory itself matches. */
  readonly matchesBase: boolean
  matches (path: string, directory: boolean): boolean
}

/** @throws TypeError where `**` is not a whole component */
export function compilePattern (pattern: string): Pattern {
  const parts = pattern.split('/').map(component => compilePart(component, pattern))
  const globstar = parts.findIndex(part => part.kind === 'globstar')
  if (globstar === -1) return { parts, recursiveFrom: parts.length, rest: compileRest([]) }
  let recursiveFrom = globstar
  while (recursiveFrom > 0 && parts[recursiveFrom - 1]!.kind === 'any') recursiveFrom--
  const before = parts[recursiveFrom - 1]
  if (before?.kind === 'match' && before.stemOnly) recursiveFrom--
  return { parts, recursiveFrom, rest: compileRest(parts.slice(recursiveFrom)) }
}

function compileRest (parts: readonly Part[]): Rest {
  const [first, second] = parts
  const prefix = first?.kind === 'match' ? first.stem : ''
  const levelsBeforeGlobstar = parts.findIndex(part => part.kind === 'globstar')
  const matchesBase = parts.every(part => part.kind === 'globstar')
  // a closing ** takes no level only for a directory: 'a/**' is not the file 'a'
  const forFiles = parts.at(-1)?.kind === 'globstar' ? [...parts, everyName] : parts
  let matches = (path: string, directory: boolean): boolean => matchParts(directory ? parts : forFiles, path.split('/'))
  if (parts.length === 1) matches = () => true
  if (parts.length === 2 && first?.kind === 'globstar' && second !== undefined && second.kind !== 'globstar') {
    matches = path => matchPart(second, path.slice(path.lastIndexOf('/') + 1)) // '**/name', the usual one, without splitting
  }
  return { prefix, levelsBeforeGlobstar, matchesBase, matches }
}

const everyName: Part = { kind: 'match', stem: '', stemOnly: true, matches: () => true }

function matchPart (part: Part, name: string): boolean {
  if (part.kind === 'literal') return name === part.text
  return part.kind === 'match' ? part.matches(name) : name !== ''
}

/** A `**` takes as few names as it can; on a mismatch only the last one takes one more. The same idea as in {@link matchTokens}. */
function matchParts (parts: readonly Part[], names: readonly string[]): boolean {
  let part = 0
  let name = 0
  let star = -1
  let resume = 0
  while (name < names.length) {
    const current = parts[part]
    if (current?.kind === 'globstar') {
      star = part++
      resume = name
    } else if (current !== undefined && matchPart(current, names[name]!)) {
      part++
      name++
    } else if (star !== -1) {
      part = star + 1
      name = ++resume
    } else {
      return false
    }
  }
  while (parts[part]?.kind === 'globstar') part++
  return part === parts.length
}

/** Within a component: a run of letters, `*`, or one code point out of a set (`?` is the set of all). */
type Token = string | typeof anyRun | ((codePoint: number) => boolean)
const anyRun = Symbol('*')

function compilePart (component: string, pattern: string): Part {
  if (component === '**') return { kind: 'globstar' }
  const tokens = tokenize(component, pattern)
  const [first = '', second] = tokens
  if (tokens.length <= 1 && typeof first === 'string') return { kind: 'literal', text: first }
  if (tokens.length === 1 && first === anyRun) return { kind: 'any' }
  const stem = typeof first === 'string' ? first : ''
  const stemOnly = tokens.length === 2 && stem !== '' && second === anyRun
  return { kind: 'match', stem, stemOnly, matches: stemOnly ? name => name.startsWith(stem) : name => matchTokens(tokens, name) }
}

function tokenize (component: string, pattern: string): Token[] {
  const tokens: Token[] = []
  const literal = (text: string): void => {
    const last = tokens.at(-1)
    if (typeof last === 'string') tokens[tokens.length - 1] = last + text
    else tokens.push(text)
  }
  for (let at = 0; at < component.length; at++) {
    const letter = component[at]!
    if (letter === '*') {
      if (component[at + 1] === '*') throw new TypeError(`Expected \`pattern\` to have '**' as a whole component only, got '${pattern}'`)
      tokens.push(anyRun)
    } else if (letter === '?') {
      tokens.push(() => true)
    } else if (letter === '[') {
      const close = closingBracket(component, at)
      const set = close === -1 ? '[' : compileSet([...component.slice(at + 1, close)])
      if (typeof set === 'string') literal(set)
      else tokens.push(set)
      if (close !== -1) at = close
    } else {
      literal(letter)
    }
  }
  return tokens
}

/** Where the set that opens here is closed; a `]` right after `[` or `[!` belongs to the set. -1: the bracket is a letter. */
function closingBracket (component: string, open: number): number {
  const first = component[open + 1] === '!' ? open + 2 : open + 1
  return component.indexOf(']', component[first] === ']' ? first + 1 : first)
}

/** A set of one letter, as escapes are, comes back as that letter. An empty range (`[z-a]`) holds nothing. */
function compileSet (content: readonly string[]): string | ((codePoint: number) => boolean) {
  const negated = content[0] === '!'
  const letters = negated ? content.slice(1) : content
  if (!negated && letters.length === 1) return letters[0]!
  const ranges: Array<readonly [low: number, high: number]> = []
  for (let at = 0; at < letters.length; at++) {
    const low = letters[at]!.codePointAt(0)!
    const ranged = letters[at + 1] === '-' && at + 2 < letters.length
    ranges.push([low, ranged ? letters[at + 2]!.codePointAt(0)! : low])
    if (ranged) at += 2
  }
  return codePoint => ranges.some(([low, high]) => low <= codePoint && codePoint <= high) !== negated
}

function matchTokens (tokens: readonly Token[], name: string): boolean {
  let token = 0
  let at = 0
  let star = -1
  let resume = 0
  while (at < name.length) {
    const current = tokens[token]
    const taken = current === undefined || current === anyRun ? 0 : take(current, name, at)
    if (current === anyRun) {
      star = token++
      resume = at
    } else if (taken > 0) {
      token++
      at += taken
    } else if (star !== -1) {
      token = star + 1
      resume += width(name, resume)
      at = resume
    } else {
      return false
    }
  }
  while (tokens[token] === anyRun) token++
  return token === tokens.length
}

/** How many code units of `name` the token takes at `at`; 0: it does not match. */
function take (token: string | ((codePoint: number) => boolean), name: string, at: number): number {
  if (typeof token === 'string') return name.startsWith(token, at) ? token.length : 0
  return token(name.codePointAt(at)!) ? width(name, at) : 0
}

function width (name: string, at: number): number { return name.codePointAt(at)! > 0xffff ? 2 : 1 }
