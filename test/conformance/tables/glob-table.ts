/** The plain glob table that fsspec shares with POSIX shells: a tree, 56 patterns, and what each of them matches in it. */

const letters = ['\\', '.', '+', '(', ')', '|', '^', '$', '{', '}']
const special = letters.map(letter => `special_chars/f${letter}oo.txt`)
const jy = (directory: string): string[] => [`${directory}/test0.json`, `${directory}/test0.yaml`]
const nested = ['test0', 'test0/test1', 'test0/test1/test2', 'test0/test2', 'test0/test2/test1', 'test0/test2/test1/test3', 'test1', 'test1/test0']

const directories: readonly string[] = [...nested, 'special_chars']
const top = ['test0.json', 'test0.yaml', 'test1.json', 'test1.yaml']
export const files: readonly string[] = [...top, ...nested.flatMap(jy), ...special]

const everything = [...directories, ...files]
const yaml = files.filter(name => name.endsWith('.yaml'))
const below = (directory: string): string[] => everything.filter(name => name.startsWith(`${directory}/`))
const tree = (directory: string): string[] => [directory, ...below(directory)]
const yamlBelow = (directory: string): string[] => yaml.filter(name => name.startsWith(`${directory}/`))

const inTest1 = [...jy('test0/test1'), 'test0/test1/test2']
const inTest2Test1 = [...jy('test0/test2/test1'), 'test0/test2/test1/test3']
const trees1 = tree('test0/test1')
const trees21 = tree('test0/test2/test1')
const only = (names: readonly string[]): string[] => names.filter(name => directories.includes(name))

export const cases: ReadonlyArray<readonly [pattern: string, expected: readonly string[]]> = [
  ['nonexistent', []], ['test0/[!]', []], ['[]', []], ['test[]0.json', []],
  ['test0.json', ['test0.json']], ['test0', ['test0']], ['test0/', ['test0']], ['test1/test0.yaml', ['test1/test0.yaml']],
  ['test0/test[1-2]', ['test0/test1', 'test0/test2']],
  ['test0/test[1-2]/', ['test0/test1', 'test0/test2']],
  ['test0/test[1-2]/*', [...inTest1, ...jy('test0/test2'), 'test0/test2/test1']],
  ['test0/test[1-2]/*.[j]*', ['test0/test1/test0.json', 'test0/test2/test0.json']],
  ...letters.map((letter, index) => [`special_chars/f${letter}oo.*`, [special[index]!]] as const),
  ['*', [...top, 'special_chars', 'test0', 'test1']], ['*.yaml', ['test0.yaml', 'test1.yaml']], ['*/', ['special_chars', 'test0', 'test1']],
  ['**', everything], ['**/', directories],
  ['*/*.yaml', ['test0/test0.yaml', 'test1/test0.yaml']], ['**/*.yaml', yaml],
  ['*/test1/*', inTest1], ['*/test1/*.yaml', ['test0/test1/test0.yaml']], ['*/test1/*/', ['test0/test1/test2']],
  ['**/test1/*', [...inTest1, ...inTest2Test1, ...jy('test1'), 'test1/test0']],
  ['**/test1/*.yaml', ['test0/test1/test0.yaml', 'test0/test2/test1/test0.yaml', 'test1/test0.yaml']],
  ['**/test1/*/', ['test0/test1/test2', 'test0/test2/test1/test3', 'test1/test0']],
  ['*/test1/**', trees1], ['*/test1/**/', ['test0/test1', 'test0/test1/test2']],
  ['**/test1/**', [...trees1, ...trees21, ...tree('test1')]],
  ['**/test1/**/', only([...trees1, ...trees21, ...tree('test1')])],
  ['test0/*', [...jy('test0'), 'test0/test1', 'test0/test2']], ['test0/*.yaml', ['test0/test0.yaml']], ['test0/**', tree('test0')],
  ['test0/*/', ['test0/test1', 'test0/test2']], ['test0/**/', only(tree('test0'))],
  ['test0/*/*.yaml', ['test0/test1/test0.yaml', 'test0/test2/test0.yaml']], ['test0/**/*.yaml', yamlBelow('test0')],
  ['test0/*/test1/*', inTest2Test1], ['test0/*/test1/*.yaml', ['test0/test2/test1/test0.yaml']],
  ['test0/*/test1/*/', ['test0/test2/test1/test3']], ['test0/*/test1/**', trees21], ['test0/*/test1/**/', only(trees21)],
  ['test0/**/test1/*', [...inTest1, ...inTest2Test1]],
  ['test0/**/test1/*.yaml', ['test0/test1/test0.yaml', 'test0/test2/test1/test0.yaml']],
  ['test0/**/test1/*/', ['test0/test1/test2', 'test0/test2/test1/test3']],
  ['test0/**/test1/**', [...trees1, ...trees21]], ['test0/**/test1/**/', only([...trees1, ...trees21])]
]

/** `?` is exactly one letter, never a separator; in URLs it begins a query. */
export const singles: typeof cases = [
  ['?', []], ['test?', ['test0', 'test1']], ['test?/', ['test0', 'test1']], ['?est?', ['test0', 'test1']], ['test?.json', ['test0.json', 'test1.json']], ['test?json', []], ['test0?json', ['test0.json']],
  ['????????json', []], ['special_chars/f?oo.txt', special], ['special_chars/f??oo.txt', []], ['special_chars?f.oo.txt', []], ['test0/test?', ['test0/test1', 'test0/test2']],
  ['test0/test?/test0.yaml', ['test0/test1/test0.yaml', 'test0/test2/test0.yaml']], ['**/test?', nested.slice(1).concat('test0')], ['**/te?t0.yaml', nested.map(name => `${name}/test0.yaml`).concat('test0.yaml')]
]

/** The numbers that the table's text gives, against slips in the lists above. */
export const counts: Readonly<Record<string, number>> = {
  '**': 39, '**/': 9, '*': 7, '**/*.yaml': 10, '**/test1/*': 9, '*/test1/**': 6, '**/test1/**': 18, '**/test1/**/': 6, 'test0/*': 4, 'test0/**': 18,
  'test0/**/': 6, 'test0/**/*.yaml': 6, 'test0/*/test1/**': 6, 'test0/**/test1/*': 6, 'test0/**/test1/**': 12, 'test0/**/test1/**/': 4
}
