import { clearInstanceCache, getMapper, Mapper, open, openFiles, openLocal, revive, reviving, shutdown, urlToFs } from '../../../lib/index.js'
import type { UrlOptions } from '../../../lib/index.js'
import { DataLoader } from '../../../lib/loader/index.js'
import type { LoaderOptions } from '../../../lib/loader/index.js'
import { createPool, startWorker } from '../../../lib/workers/index.js'
import { secret, wrong } from './rows.js'
import type { Row } from './rows.js'

const url = (mistake: string, subject: string, error: Row[2], of: unknown, options: unknown = {}): Row =>
  [mistake, subject, error, () => urlToFs(of as string, options as UrlOptions)]
const arriving = (mistake: string, subject: string, error: Row[2], body: unknown, options: unknown = {}): Row =>
  [`a descriptor ${mistake}`, subject, error, () => revive({ $forkfs: body }, options as object)]
const loader = (mistake: string, subject: string, error: Row[2], options: unknown): Row =>
  [`a loader ${mistake}`, subject, error, () => new DataLoader({ shards: 's3://test/a', reader: 'tar', ...options as object } as LoaderOptions)]
const worker = (mistake: string, subject: string, error: Row[2], options: unknown): Row => [`a worker ${mistake}`, subject, error, () => startWorker(options as object)]

export const arrivals: readonly Row[] = [
  url('a URL that is empty', 'URL', 'TypeError', ''),
  url('a URL that is a number', 'URL', 'TypeError', 5),
  url('a URL that is an object', 'URL', 'TypeError', {}),
  url('a URL of no protocol that is known', 'nope', 'FORKFS_UNKNOWN_PROTOCOL', 'nope://x'),
  url('a URL with one slash', 's3://', 'TypeError', 's3:/bucket/key'),
  url('a URL with one slash, in capitals', 's3://', 'TypeError', 'S3:/bucket/key'),
  url('a local URL with one slash', 'file://', 'TypeError', 'file:/etc/passwd'),
  url('a URL that lacks its protocol', '://', 'TypeError', '://bucket/key'),
  url('a URL object with a password', 's3', 'TypeError', new URL(`s3://user:${secret}@b/k`)),
  url('a URL with a password', 's3', 'TypeError', `s3://user:${secret}@b/k`),
  url('an http URL with a password', 'headers', 'TypeError', `http://user:${secret}@h/x`),
  url('a URL that is not UTF-8', 's3://b', 'TypeError', new URL('s3://b/%ff')),
  url('a chain of URLs', 'zip://a::s3://b', 'FORKFS_NOT_SUPPORTED', 'zip://a::s3://b'),
  url('an option outside its protocol', 's3: { region', 'TypeError', 's3://b/k', { region: 'eu-west-1' }),
  url('an option of another protocol', 'autoMkdir', 'TypeError', 's3://b/k', { s3: { autoMkdir: true } }),
  url('options that are a number', 'options', 'TypeError', 's3://b/k', 5),
  url('options of a protocol that are a number', 's3', 'TypeError', 's3://b/k', { s3: 5 }),
  url('a region that is none', 'region', 'TypeError', 's3://b/k', { s3: { region: 'a/b' } }),
  url('allowedProtocols misspelt', 'allowedProtocols', 'TypeError', 's3://b/k', { allowedProtocol: ['s3'] }),
  url('allowedProtocols that are a text which contains the protocol', 'allowedProtocols', 'TypeError', 'file:///etc/passwd', { allowedProtocols: 'profile' }),
  url('a protocol that is not allowed', 'file', 'FORKFS_NOT_ALLOWED', 'file:///etc/passwd', { allowedProtocols: ['s3'] }),
  ['open() with a misspelt option', 'cache', 'TypeError', ({ options }) => open('s3://test/a', 'r', wrong({ s3: options, cach: 'all' }))],
  ['openFiles() of nothing', 'urls', 'TypeError', () => openFiles([])],
  ['openFiles() of a number', 'urls', 'TypeError', () => openFiles(wrong(5))],
  ['openFiles() of no files', 'num', 'RangeError', () => openFiles('memory://x', 'w', { num: 0 })],
  ['openLocal() of what is not local', 'memory', 'FORKFS_NOT_SUPPORTED', () => openLocal('memory://x')],
  ['getMapper() of a number', 'URL', 'TypeError', () => getMapper(wrong(5))],
  ['a mapper of a descriptor', 'revive', 'TypeError', ({ memory }) => new Mapper(structuredClone(memory) as never, 'x')],
  ['clearInstanceCache() of no protocol', 'nope', 'FORKFS_UNKNOWN_PROTOCOL', () => clearInstanceCache('nope')],
  ['shutdown() in a text', 'timeoutMs', 'TypeError', () => shutdown({ timeoutMs: wrong('x') })],
  ['shutdown() in the past', 'timeoutMs', 'RangeError', () => shutdown({ timeoutMs: -1 })],

  arriving('that is a number', '$forkfs', 'FORKFS_DESCRIPTOR', 5),
  arriving('of another version', 'version 2', 'FORKFS_DESCRIPTOR', { v: 2, type: 's3' }),
  arriving('without a type', 'type', 'FORKFS_DESCRIPTOR', { v: 1 }),
  arriving('of an unknown type', 'nope', 'FORKFS_UNKNOWN_PROTOCOL', { v: 1, type: 'nope' }),
  arriving('whose options are a list', 'options', 'FORKFS_DESCRIPTOR', { v: 1, type: 's3', options: [] }),
  arriving('with a misspelt option', 'regoin', 'FORKFS_DESCRIPTOR', { v: 1, type: 's3', options: { regoin: 'x' } }),
  arriving('with a password in its endpoint', 'endpoint', 'FORKFS_DESCRIPTOR', { v: 1, type: 's3', options: { endpoint: `http://user:${secret}@x` } }),
  arriving('with half a pair of keys', 'credentials.accessKeyId', 'FORKFS_CREDENTIALS', { v: 1, type: 's3', options: { credentials: { secretAccessKey: secret } } }),
  arriving('with a module that nobody allowed', 'allowModules', 'FORKFS_NOT_ALLOWED', { v: 1, type: 's3', options: { credentialsModule: '/x.mjs' } }),
  arriving('of a protocol that is not allowed', 'memory', 'FORKFS_NOT_ALLOWED', { v: 1, type: 'memory' }, { allowedProtocols: ['s3'] }),
  arriving('where allowedProtocols are a text', 'allowedProtocols', 'TypeError', { v: 1, type: 'memory' }, { allowedProtocols: 'in memory' }),
  ['reviving() of a number', 'task', 'TypeError', () => reviving(wrong(5))],

  loader('of nothing', 'shards', 'RangeError', { shards: [] }),
  loader('of a number', 'shards', 'TypeError', { shards: 5 }),
  loader('with an empty shard', 'shards[1]', 'TypeError', { shards: ['x', ''] }),
  loader('of what is no filesystem', 'shards.fs', 'TypeError', { shards: { fs: {}, paths: 'x' } }),
  loader('of a descriptor of an unknown type', 'nope', 'FORKFS_UNKNOWN_PROTOCOL', { shards: { fs: { $forkfs: { v: 1, type: 'nope' } }, paths: 'x' } }),
  loader('with a misspelt reader', 'reader', 'TypeError', { reader: 'tra' }),
  loader('with less than no workers', 'workers', 'RangeError', { workers: -1 }),
  loader('with workers of no kind', 'kind', 'TypeError', { kind: 'fiber' }),
  loader('that reads nothing ahead', 'prefetchBytes', 'RangeError', { prefetchBytes: 0 }),
  loader('shuffled by a text', 'shuffle.seed', 'TypeError', { shuffle: { seed: 'x' } }),
  loader('of a rank beyond the world', 'rank', 'RangeError', { rank: 5, worldSize: 2 }),
  loader('of a world without a rank', 'rank', 'TypeError', { worldSize: 2 }),
  loader('resumed from something else', 'resume.v', 'TypeError', { resume: { v: 9 } }),
  loader('with a signal that is none', 'signal', 'TypeError', { signal: 5 }),
  loader('with a misspelt option', 'workers', 'TypeError', { wokers: 5 }),
  ['a loader without options', 'options', 'TypeError', () => new DataLoader(wrong(5))],
  ['a loader whose options belong elsewhere', 's3: { region', 'TypeError', () => new DataLoader({ shards: 's3://test/a', reader: 'tar', options: wrong({ region: 'x' }) })[Symbol.asyncIterator]().next()],
  ['batches of nothing', 'size', 'RangeError', () => new DataLoader({ shards: 's3://test/a', reader: 'tar' }).batches(0)[Symbol.asyncIterator]().next()],

  worker('of no kind', 'kind', 'TypeError', { kind: 'fiber' }),
  worker('with a misspelt option', 'kid', 'TypeError', { kid: 'thread' }),
  worker('whose options are a number', 'options', 'TypeError', 5),
  worker('that begins at a relative path', 'init', 'TypeError', { init: './x.js' }),
  worker('whose entry is on the web', 'workerUrl', 'TypeError', { workerUrl: 'http://x/y.js' }),
  worker('that must begin in the past', 'bootstrapTimeoutMs', 'RangeError', { bootstrapTimeoutMs: -1 }),
  worker('whose calls last a text', 'callTimeoutMs', 'TypeError', { callTimeoutMs: 'x' }),
  worker('with a number in its environment', 'env', 'TypeError', { env: { a: 5 } }),
  worker('whose arguments are a text', 'execArgv', 'TypeError', { execArgv: 'x' }),
  worker('with an onTimeout that is none', 'onTimeout', 'TypeError', { onTimeout: 5 }),
  worker('with data that can not be sent', 'workerData', 'FORKFS_UNCLONEABLE', { workerData: () => 5 }),
  ['a pool of no workers', 'size', 'RangeError', () => createPool({ size: 0 })],
  ['a pool of a text', 'size', 'TypeError', () => createPool({ size: wrong('x') })]
]
