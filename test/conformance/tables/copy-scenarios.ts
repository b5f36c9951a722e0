/** The copying tables of fsspec as data: the same results are expected of cp, get and put, on every kind of store. */

export interface Scenario {
  readonly title: string
  readonly tree: readonly string[]
  /** Relative to the source side's root; a list stays a list. */
  readonly source: string | readonly string[]
  readonly target: string | readonly string[]
  /** What `target` is at first: an empty directory (default), or not there. */
  readonly absent?: boolean
  readonly recursive?: boolean
  readonly maxDepth?: number
  /** Files below `target` afterwards. */
  readonly result: readonly string[]
  /** Done so often. @defaultValue 1 */
  readonly times?: number
}

const T0 = ['source/file1', 'source/file2', 'source/subdir/subfile1', 'source/subdir/subfile2', 'source/subdir/nesteddir/nestedfile']
const sub = (index: number): string[] => ['subfile1', 'subfile2', 'nesteddir/nestedfile'].map(name => `source/subdir${index}/${name}`)
export const T1 = ['source/file1', 'source/file2', ...sub(0), ...sub(1)]
const T2 = ['source/subdir.txt', 'source/subdir/subfile.txt']

/** In an order that no sorting would give. */
const T3 = [7, 3, 0, 9, 1, 8, 2, 6, 4, 5].map(index => `source/${index}-${index * 7919 % 101}.txt`)

const under = (directory: string, names: readonly string[]): string[] => names.map(name => `${directory}/${name}`)
const inner = ['nesteddir/nestedfile', 'subfile1', 'subfile2']
const shallow = ['subfile1', 'subfile2']
const both = (path: string): string[] => [path, `${path}/`]

interface Row extends Omit<Scenario, 'title' | 'tree' | 'source' | 'target'> {
  readonly id: string
  readonly tree?: readonly string[]
  readonly sources: ReadonlyArray<string | readonly string[]>
  readonly targets: ReadonlyArray<string | readonly string[]>
}

const list = ['source/file1', 'source/file2', 'source/subdir/subfile1']
const rows: readonly Row[] = [
  { id: '1a', sources: ['source/file2'], targets: both('target'), result: ['file2'] },
  { id: '1a', sources: ['source/subdir/subfile1'], targets: both('target'), result: ['subfile1'] },
  { id: '1b', sources: ['source/subdir/subfile1'], targets: ['target/newdir/'], result: ['newdir/subfile1'] },
  { id: '1c', sources: ['source/subdir/subfile1'], targets: ['target/newfile'], result: ['newfile'] },
  { id: '1d', sources: ['source/subdir/subfile1'], targets: ['target/newdir/newfile'], result: ['newdir/newfile'] },
  { id: '1e-0', sources: both('source/subdir'), targets: both('target'), result: [] },
  { id: '1e-1', sources: ['source/subdir'], targets: both('target'), recursive: true, result: under('subdir', inner) },
  { id: '1e-2', sources: ['source/subdir/'], targets: both('target'), recursive: true, result: inner },
  { id: '1e-3', sources: ['source/subdir'], targets: both('target'), recursive: true, maxDepth: 1, result: under('subdir', shallow) },
  { id: '1e-4', sources: ['source/subdir/'], targets: both('target'), recursive: true, maxDepth: 1, result: shallow },
  { id: '1f-0', sources: both('source/subdir'), targets: both('target/newdir'), result: [] },
  { id: '1f-1', sources: ['source/subdir'], targets: ['target/newdir'], recursive: true, result: under('newdir', inner) },
  { id: '1f-1', sources: ['source/subdir/'], targets: ['target/newdir/'], recursive: true, result: under('newdir', inner) },
  { id: '1f-2', sources: ['source/subdir'], targets: ['target/newdir'], recursive: true, maxDepth: 1, result: under('newdir', shallow) },
  { id: '1f-2', sources: ['source/subdir/'], targets: ['target/newdir/'], recursive: true, maxDepth: 1, result: under('newdir', shallow) },
  { id: '1f-3', sources: ['source/subdir/'], targets: ['target/newdir'], recursive: true, result: under('newdir', inner) },
  { id: '1f-4', sources: ['source/subdir'], targets: ['target/newdir/'], recursive: true, result: under('newdir/subdir', inner) },
  { id: '1g-0', sources: ['source/subdir/*'], targets: both('target'), result: shallow },
  { id: '1g-1', sources: ['source/subdir/*'], targets: both('target'), recursive: true, result: inner },
  { id: '1g-1', sources: ['source/subdir/**'], targets: both('target'), result: inner },
  { id: '1g-2', sources: ['source/subdir/*'], targets: both('target'), recursive: true, maxDepth: 1, result: shallow },
  { id: '1g-2', sources: ['source/subdir/**'], targets: both('target'), maxDepth: 1, result: shallow },
  { id: '1h-0', sources: ['source/subdir/*'], targets: both('target/newdir'), result: under('newdir', shallow) },
  { id: '1h-1', sources: ['source/subdir/*'], targets: both('target/newdir'), recursive: true, result: under('newdir', inner) },
  { id: '1h-1', sources: ['source/subdir/**'], targets: both('target/newdir'), result: under('newdir', inner) },
  { id: '1h-2', sources: ['source/subdir/*'], targets: both('target/newdir'), recursive: true, maxDepth: 1, result: under('newdir', shallow) },
  { id: '1h-2', sources: ['source/subdir/**'], targets: both('target/newdir'), maxDepth: 1, result: under('newdir', shallow) },
  { id: '2a', sources: [list], targets: both('target'), result: ['file1', 'file2', 'subfile1'] },
  { id: '2b', sources: [list], targets: both('target/newdir'), result: ['newdir/file1', 'newdir/file2', 'newdir/subfile1'] },
  { id: '3a', sources: [['source/file1', 'source/file2']], targets: ['target'], absent: true, result: ['file1', 'file2'] },
  { id: '3b', tree: T2, sources: ['source/subdir'], targets: ['target'], absent: true, recursive: true, result: ['subfile.txt'] },
  { id: '3c', tree: T2, sources: ['source/subdir*'], targets: ['target'], recursive: true, result: ['subdir.txt', 'subdir/subfile.txt'] },
  { id: '3c', tree: T2, sources: ['source/subdir*'], targets: ['target'], absent: true, recursive: true, result: ['subdir.txt', 'subdir/subfile.txt'] },
  { id: '3d', sources: [['source/file2', 'source/file1']], targets: [['target/a', 'target/deep/b']], result: ['a', 'deep/b'] },
  { id: '3d', tree: T3, sources: [T3], targets: [T3.map((_, index) => `target/${index}`)], result: T3.map((_, index) => String(index)) },
  { id: '3e', tree: ['src/file'], sources: ['src'], targets: ['target'], absent: true, recursive: true, result: ['file'] },
  { id: '3e', tree: ['src/file'], sources: ['src'], targets: ['target'], absent: true, recursive: true, times: 2, result: ['file', 'src/file'] },
  { id: '3f', tree: ['src/file'], sources: ['src/'], targets: ['target'], absent: true, recursive: true, times: 2, result: ['file'] },
  { id: 'one match, new name', sources: ['source/fil?1'], targets: ['target/new'], result: ['new/file1'] },
  { id: 'list of one', sources: [['source/file1']], targets: ['target/new'], result: ['new/file1'] },
  { id: 'list with a directory', sources: [['source/file1', 'source/subdir']], targets: ['target'], result: ['file1'] },
  { id: 'list with a directory', sources: [['source/file1', 'source/subdir']], targets: ['target'], recursive: true, result: ['file1', 'nestedfile', 'subfile1', 'subfile2'] },
  { id: 'list with one missing', sources: [['source/file1', 'source/gone']], targets: ['target'], recursive: true, result: ['file1'] },
  { id: 'one file deep down', tree: ['src/a/b/file'], sources: ['src/'], targets: ['target/new'], recursive: true, maxDepth: 3, result: ['new/a/b/file'] },
  { id: 'odd names', tree: ['src/a b#?%&+', 'src/é.[1]', 'src/e\u0301'], sources: ['src'], targets: ['target/new'], recursive: true, result: ['new/a b#?%&+', 'new/é.[1]', 'new/e\u0301'] }
]

const F = ['file1', 'file2']
const S = (index: number): string[] => [`subdir${index}/subfile1`, `subdir${index}/subfile2`]
const N = (index: number): string[] => [`subdir${index}/nesteddir/nestedfile`]
const ALL = [...F, ...S(0), ...N(0), ...S(1), ...N(1)]
const firsts = ['file1', 'subdir0/subfile1', 'subdir1/subfile1']

/** Pattern, recursive, maxDepth, result. */
const globs: ReadonlyArray<readonly [pattern: string, recursive: boolean, maxDepth: number | undefined, result: readonly string[]]> = [
  ['fil?1', false, undefined, ['file1']],
  ['fil?1', true, undefined, ['file1']],
  ['file[1-2]', false, undefined, F],
  ['file[1-2]', true, undefined, F],
  ['*', false, undefined, F],
  ['*', true, undefined, ALL],
  ['*', true, 1, F],
  ['*', true, 2, [...F, ...S(0), ...S(1)]],
  ['*1', false, undefined, ['file1']],
  ['*1', true, undefined, ['file1', ...S(1), ...N(1)]],
  ['*1', true, 2, ['file1', ...S(1)]],
  ['**', false, undefined, ALL],
  ['**', true, undefined, ALL],
  ['**', true, 1, F],
  ['**', true, 2, ALL],
  ['**', false, 2, [...F, ...S(0), ...S(1)]],
  ['**/*1', false, undefined, firsts],
  ['**/*1', false, 2, firsts],
  ['**/*1', true, undefined, ['file1', 'subdir0/subfile1', ...S(1), ...N(1)]],
  ['**/*1', true, 1, ['file1']],
  ['**/*1', true, 2, ['file1', 'subdir0/subfile1', ...S(1)]],
  ['**/subdir0', false, undefined, []],
  ['**/subdir0', true, undefined, inner],
  ['**/subdir0/nested*', false, 2, []],
  ['**/subdir0/nested*', true, 2, ['nestedfile']],
  ['subdir[1-2]', false, undefined, []],
  ['subdir[1-2]', true, undefined, inner],
  ['subdir[1-2]', true, 2, shallow],
  ['subdir[0-1]', false, undefined, []],
  ['subdir[0-1]', true, undefined, [...S(0), ...N(0), ...S(1), ...N(1)]],
  ['subdir[0-1]/*fil[e]*', false, undefined, [...S(0), ...S(1)]],
  ['subdir[0-1]/*fil[e]*', true, undefined, [...S(0), ...S(1)]]
]

function titled (id: string, source: string | readonly string[], row: Pick<Row, 'absent' | 'recursive' | 'maxDepth' | 'times'>): string {
  const options = [row.recursive && 'recursive', row.maxDepth && `maxDepth ${row.maxDepth}`, row.absent && 'target absent', row.times && 'twice']
  return [`${id} ${JSON.stringify(source)}`, ...options].filter(Boolean).join(', ')
}

export const scenarios: readonly Scenario[] = [
  ...rows.flatMap(({ id, sources, targets, ...row }) => sources.flatMap(source => targets.map(target => ({
    tree: T0, ...row, source, target, title: titled(id, source, row), result: [...row.result].sort()
  })))),
  ...globs.flatMap(([pattern, recursive, maxDepth, result]) => [...both('target'), ...both('target/newdir')].map(target => ({
    title: titled('glob', pattern, maxDepth === undefined ? { recursive } : { recursive, maxDepth }),
    tree: T1,
    source: `source/${pattern}`,
    target,
    recursive,
    ...(maxDepth === undefined ? {} : { maxDepth }),
    result: (target.startsWith('target/newdir') ? under('newdir', result) : [...result]).sort()
  })))
]
