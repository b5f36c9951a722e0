import type { Readable } from 'node:stream'
import type { FileSystem } from '../../../lib/index.js'
import { secret, wrong } from './rows.js'
import type { Place, Row } from './rows.js'

function failed (stream: Readable): Promise<never> {
  return new Promise((_resolve, reject) => { stream.on('error', reject).resume() })
}

/** Paths that are none, by every kind of verb and on every filesystem. */
const paths: readonly Row[] = (['s3', 'gs', 'http', 'memory', 'local'] as const).flatMap(name => {
  const fs = (place: Place): FileSystem => typeof place[name] === 'function' ? place[name]() : place[name]
  const on = (verb: string, call: (fs: FileSystem) => unknown): Row => [`${name} ${verb}`, 'path', 'TypeError', place => call(fs(place))]
  return [
    on('info(5)', fs => fs.info(wrong(5))),
    on('exists({})', fs => fs.exists(wrong({}))),
    on('catFile(null)', fs => fs.catFile(wrong(null))),
    on('ls()', fs => fs.ls(wrong(undefined))),
    on('list(5)', fs => fs.list(wrong(5))[Symbol.asyncIterator]().next()),
    on('walk(5)', fs => fs.walk(wrong(5))[Symbol.asyncIterator]().next()),
    on('open({})', fs => fs.open(wrong({}))),
    on('glob(5)', fs => fs.glob(wrong(5))),
    on('cat([5])', fs => fs.cat([wrong(5)])),
    on('catRanges() without a path', fs => fs.catRanges([wrong({ start: 0, end: 1 })])),
    on('createReadStream(5)', fs => failed(fs.createReadStream(wrong(5)))),
    on('readable(5)', fs => fs.readable(wrong(5)).getReader().read())
  ]
})

const read = (mistake: string, subject: string, error: Row[2], call: (fs: FileSystem, path: string) => unknown): Row => [mistake, subject, error, ({ s3 }) => call(s3(), 'test/a')]
const write = (mistake: string, subject: string, options: object, error: Row[2] = 'TypeError'): Row[] => [
  [`pipeFile() with ${mistake}`, subject, error, ({ s3 }) => s3().pipeFile('test/a', 'x', options)],
  [`open() for writing with ${mistake}`, subject, error, ({ s3 }) => s3().open('test/a', 'w', options)],
  [`a local pipeFile() with ${mistake}`, subject, error, ({ local, folder }) => local.pipeFile(`${folder}/a`, 'x', options)]
]

export const calls: readonly Row[] = [
  ...paths,
  ['a path with a NUL', 'path', 'EINVAL', ({ local }) => local.info('a\0b')],
  ['a URL with control characters', 'path', 'EINVAL', ({ http }) => http().info('a\u0001b')],
  ['a relative URL without baseUrl', 'baseUrl', 'TypeError', ({ http }) => http({ baseUrl: undefined }).info('a')],
  ['a URL of another protocol', 'ftp', 'TypeError', ({ http }) => http().info('ftp://x/y')],
  ['a URL with a password', 'headers', 'TypeError', ({ http }) => http().info(`http://user:${secret}@x/y`)],
  ['a key that UTF-8 can not carry', 'surrogate', 'TypeError', ({ s3 }) => s3().info('test/\ud800')],
  ['a key that is too long', 'key', 'EINVAL', ({ s3 }) => s3().info(`test/${'x'.repeat(1025)}`)],
  ['a bucket named ..', '..', 'TypeError', ({ s3 }) => s3().info('../a')],
  ['a write to a bucket', 'test', 'EISDIR', ({ s3 }) => s3().pipeFile('test', 'x')],
  ['a read of the list of buckets', 'buckets', 'EISDIR', ({ s3 }) => s3().catFile('')],
  ['a write where none is possible', 'http', 'FORKFS_NOT_SUPPORTED', ({ http }) => http().pipeFile('a', 'x')],
  ['cp() of a number', 'source', 'TypeError', ({ s3 }) => s3().cp(wrong(5), 'test/b')],
  ['rm() of a number', 'path', 'TypeError', ({ s3 }) => s3().rm(wrong(5))],

  read('a start that is a text', 'start', 'TypeError', (fs, path) => fs.catFile(path, { start: wrong('x') })),
  read('a start that is a bigint', 'start', 'TypeError', (fs, path) => fs.catFile(path, { start: wrong(2n) })),
  read('a start between two bytes', 'start', 'RangeError', (fs, path) => fs.catFile(path, { start: 1.5 })),
  read('an end that is no number', 'end', 'RangeError', (fs, path) => fs.catFile(path, { end: Number.NaN })),
  read('ranges that are a number', 'ranges', 'TypeError', fs => fs.catRanges(wrong(5))),
  read('a range without an end', 'ranges[0].end', 'TypeError', (fs, path) => fs.catRanges([wrong({ path, start: 0 })])),
  read('a gap below nothing', 'maxGap', 'RangeError', (fs, path) => fs.catRanges([{ path, start: 0, end: 1 }], { maxGap: -1 })),
  read('blocks of nothing', 'maxBlock', 'RangeError', (fs, path) => fs.catRanges([{ path, start: 0, end: 1 }], { maxBlock: 0 })),
  read('a place that is too small', 'into', 'RangeError', (fs, path) => fs.catRanges([{ path, start: 0, end: 4 }], { into: () => new Uint8Array(1) })),
  read('a head of less than nothing', 'bytes', 'RangeError', (fs, path) => fs.head(path, -1)),
  read('a tail of a text', 'bytes', 'TypeError', (fs, path) => fs.tail(path, wrong('x'))),
  read('a block before the beginning', 'offset', 'RangeError', (fs, path) => fs.readBlock(path, -1, 5)),
  read('a delimiter that is a text', 'delimiter', 'TypeError', (fs, path) => fs.readBlock(path, 0, 5, { delimiter: wrong('x') })),
  read('an encoding that is none', 'encoding', 'TypeError', (fs, path) => fs.readText(path, { encoding: wrong('utf9') })),
  read('a stream from before the beginning', 'start', 'RangeError', (fs, path) => fs.createReadStream(path, { start: -1 })),
  read('a stream to a text', 'end', 'TypeError', (fs, path) => fs.createReadStream(path, { end: wrong('x') })),
  read('a web stream from between two bytes', 'start', 'RangeError', (fs, path) => fs.readable(path, { start: 1.5 })),
  read('flags that are none', 'flags', 'TypeError', (fs, path) => fs.open(path, wrong('rw'))),
  read('a read strategy that is none', 'cache', 'TypeError', (fs, path) => fs.open(path, 'r', { cache: wrong('lru') })),
  read('a read strategy that is not there yet', 'shared', 'FORKFS_NOT_SUPPORTED', (fs, path) => fs.open(path, 'r', { cache: 'shared' })),
  read('blocks of no bytes', 'blockBytes', 'RangeError', (fs, path) => fs.open(path, 'r', { blockBytes: 0 })),
  read('a compression that is none', 'compression', 'TypeError', (fs, path) => fs.open(path, 'r', { compression: wrong('zip') })),
  read('a compression that is none, for writing', 'compression', 'TypeError', (fs, path) => fs.open(path, 'w', { compression: wrong('zip') })),
  read('withFile() without a function', 'fn', 'TypeError', (fs, path) => fs.withFile(path, 'w', wrong(5))),
  read('a transaction without a function', 'fn', 'TypeError', fs => fs.transaction(wrong(5))),
  read('a signal that is none', 'signal', 'TypeError', (fs, path) => fs.info(path, { signal: wrong({}) })),
  read('a signal that is a number', 'signal', 'TypeError', (fs, path) => fs.list(path, { signal: wrong(5) })[Symbol.asyncIterator]().next()),
  read('no calls at once', 'maxConcurrency', 'RangeError', (fs, path) => fs.cat([path], { maxConcurrency: 0 })),
  read('an onError that is none', 'onError', 'TypeError', (fs, path) => fs.cat([path], { onError: wrong('ignore') })),
  read('no depth', 'maxDepth', 'RangeError', fs => fs.find('test', { maxDepth: 0 })),
  read('a depth that is a text', 'maxDepth', 'TypeError', fs => fs.find('test', { maxDepth: wrong('x') })),
  read('a depth below nothing', 'maxDepth', 'RangeError', fs => fs.rm('test', { recursive: true, maxDepth: -1 })),
  read('a walk whose onError is none', 'onError', 'TypeError', fs => fs.walk('test', { onError: wrong('x') })[Symbol.asyncIterator]().next()),
  read('a signed URL for the past', 'expiresSeconds', 'RangeError', (fs, path) => fs.sign(path, { expiresSeconds: -1 })),
  read('a signed URL for ever', 'expiresSeconds', 'RangeError', (fs, path) => fs.sign(path, { expiresSeconds: 1e9 })),
  read('a signed URL of another method', 'method', 'TypeError', (fs, path) => fs.sign(path, { method: wrong('DELETE') })),

  read('a misspelt depth', 'maxDepth', 'TypeError', fs => fs.find('test', wrong({ maxdepth: 1 }))),
  read('a misspelt recursion', 'recursive', 'TypeError', fs => fs.rm('test', wrong({ recursiv: true }))),
  read('a misspelt depth of a copy', 'maxDepth', 'TypeError', fs => fs.cp('test', 'test/b', wrong({ recursive: true, maxdepth: 1 }))),
  read('a misspelt size of blocks', 'blockBytes', 'TypeError', (fs, path) => fs.open(path, 'r', wrong({ blockbytes: 5 }))),
  read('a misspelt start of a stream', 'start', 'TypeError', (fs, path) => fs.createReadStream(path, wrong({ strat: 5 }))),
  read('an option of another verb', 'recursive', 'TypeError', (fs, path) => fs.info(path, wrong({ recursive: true }))),
  read('an encoding in place of the options', 'readText()', 'TypeError', (fs, path) => fs.readText(path, wrong('utf8'))),
  read('options in place of the flags', 'flags', 'TypeError', (fs, path) => fs.open(path, wrong({ cache: 'none' }))),

  ...write('a flag that is none', 'flag', { flag: 'a' }).filter(([mistake]) => !mistake.startsWith('open')),
  ...write('an ifMatch that is a number', 'ifMatch', { ifMatch: 5 }),
  ...write('two lines in ifMatch', 'ifMatch', { ifMatch: 'a\r\nb: c' }),
  ...write('a contentType that is a number', 'contentType', { contentType: 5 }),
  ...write('two lines in contentType', 'contentType', { contentType: 'a\r\nb: c' }),
  ...write('metadata that is a number', 'metadata', { metadata: 5 }),
  ...write('a number in metadata', 'metadata.a', { metadata: { a: 5 } }),
  ...write('two lines in metadata', 'metadata.a', { metadata: { a: 'x\r\ny: z' } }),
  ...write('parts of no bytes', 'partBytes', { partBytes: 0 }, 'RangeError'),
  ...write('parts of a text', 'partBytes', { partBytes: 'x' }),
  ['metadata whose name is no token', 'a b', 'TypeError', ({ s3 }) => s3().pipeFile('test/a', 'x', { metadata: { 'a b': 'x' } })],
  ['data that is a number', 'data', 'TypeError', ({ s3 }) => s3().pipeFile('test/a', wrong(5))],
  ['pipe() of a number', 'files', 'TypeError', ({ s3 }) => s3().pipe(wrong(5))],
  ['pipe() of a list', 'files', 'TypeError', ({ s3 }) => s3().pipe(wrong([1]))],
  ['pipe() of a number under a path', 'data', 'TypeError', ({ s3 }) => s3().pipe({ 'test/a': wrong(5) })]
]
