import { invalid } from './errors.js'

/**
 * Whether names fit a `matchGlob`: `*` and `?` stay within a segment, `**` does not; `[a-z]`, `[!a]`, `{a,b}`.
 * @throws GcsError 400 for a class or list without its end
 */
export function matcherOf (glob: string): (name: string) => boolean {
  let source = ''
  let depth = 0
  for (let at = 0; at < glob.length; at++) {
    const char = glob[at]!
    if (char === '*') {
      const deep = glob[at + 1] === '*'
      if (deep) at++
      source += deep ? '.*' : '[^/]*'
    } else if (char === '?') source += '[^/]'
    else if (char === '[') {
      const end = glob.indexOf(']', at + 2)
      if (end < 0) throw invalid(`Invalid glob: ${glob}`, 'matchGlob')
      source += `[${glob.slice(at + 1, end).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`
      at = end
    } else if (char === '{') {
      depth++
      source += '(?:'
    } else if (char === '}' && depth > 0) {
      depth--
      source += ')'
    } else if (char === ',' && depth > 0) source += '|'
    else source += char.replace(/[$()*+.?[\\\]^{|}/]/, '\\$&')
  }
  if (depth > 0) throw invalid(`Invalid glob: ${glob}`, 'matchGlob')
  const expression = new RegExp(`^${source}$`, 'su')
  return name => expression.test(name)
}
