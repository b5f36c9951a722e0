/** Mistakes with GCS: among options, in calls, in what arrives, in the environment. */
import { revive, urlToFs } from '../../../lib/index.js'
import type { FileSystem, UrlOptions } from '../../../lib/index.js'
import { variable } from './environment.js'
import { secret, wrong } from './rows.js'
import type { Row } from './rows.js'

const gs = (subject: string, options: Record<string, unknown>, error: Row[2] = 'TypeError'): Row =>
  [`gs ${JSON.stringify(options, (_name, value: unknown) => typeof value === 'function' ? 'a function' : value)}`, subject, error, ({ gs }) => gs(options)]
const trusted = { useAuthWithCustomEndpoint: true }

const options: readonly Row[] = [
  gs('apiEndpoint', { apiEndpoint: 'ftp://x' }),
  gs('apiEndpoint', { apiEndpoint: `http://user:${secret}@x` }),
  gs('apiEndpoint', { apiEndpoint: 'http://x/?a=b' }),
  gs('apiEndpoint', { apiEndpoint: 'http://x/some/path' }),
  gs('apiEndpoint', { apiEndpoint: '' }),
  gs('apiEndpoint', { apiEndpoint: 5 }),
  gs('universeDomain', { universeDomain: 'a/b' }),
  gs('universeDomain', { universeDomain: 5 }),
  gs('useAuthWithCustomEndpoint', { useAuthWithCustomEndpoint: 'yes' }),
  gs('useAuthWithCustomEndpoint', { ...trusted, apiEndpoint: 'http://storage.example' }, 'FORKFS_CONFIG'),
  gs('projectId', { projectId: '' }),
  gs('userProject', { userProject: 5 }),
  gs('keyFilename', { keyFilename: '' }),
  gs('keyFilename', { keyFilename: 5 }),
  gs('keyFilename', { keyFilename: '/x.json', credentials: 'anonymous' }),
  gs('credentials', { credentials: 5 }),
  gs('credentials', { credentials: secret }),
  gs('credentials', { credentials: async () => Promise.resolve({}) }),
  gs('credentials.private_key', { credentials: { client_email: 'a@b' } }, 'FORKFS_CREDENTIALS'),
  gs('credentials.client_email', { credentials: { private_key: secret } }, 'FORKFS_CREDENTIALS'),
  gs('credentials.client_email', { credentials: { client_email: 5, private_key: secret } }),
  gs('credentials.private_key', { credentials: { client_email: 'a@b', private_key: 5 } }),
  gs('credentialsModule', { credentialsModule: 'both-given', keyFilename: '/x.json' }),
  gs('credentialsModule', { credentialsModule: 'http://x/y.mjs' }),
  gs('credentialsModule', { credentialsModule: 5 }),
  ['gs credentialsModule that is not there', '/none/keys.mjs', 'FORKFS_CONFIG', ({ gs }) => gs({ ...trusted, credentialsModule: '/none/keys.mjs' }).readText('test/a')],
  gs('shareCredentials', { shareCredentials: 1 }),
  gs('versionAware', { versionAware: 0 }),
  gs('kmsKeyName', { kmsKeyName: 5 }),
  gs('checksums', { checksums: 'no' }),
  gs('ca', { ca: 5 }),
  gs('transport', { transport: 'quic' }),
  gs('dispatcher', { transport: 'direct', dispatcher: { dispatch: () => true } }),
  gs('dispatcher', { dispatcher: {} }),
  gs('timeoutMs', { timeoutMs: 0 }),
  gs('maxConcurrency', { maxConcurrency: 1.5 }),
  gs('retry', { retry: { tries: 3 } }),
  gs('endpoint', { endpoint: 'http://x' }),
  gs('region', { region: 'eu-west-1' })
]

const call = (mistake: string, subject: string, error: Row[2], work: (fs: FileSystem) => unknown): Row => [`gs ${mistake}`, subject, error, ({ gs }) => work(gs())]
const named = (mistake: string, subject: string, name: string): Row[] => [
  call(`a look at ${mistake}`, subject, 'EINVAL', fs => fs.info(`test/${name}`)),
  call(`a read of ${mistake}`, subject, 'EINVAL', fs => fs.catFile(`test/${name}`)),
  call(`a write of ${mistake}`, subject, 'EINVAL', fs => fs.pipeFile(`test/${name}`, 'x')),
  call(`a removal of ${mistake}`, subject, 'EINVAL', fs => fs.rm(`test/${name}`))
]
const written = (mistake: string, subject: string, options: object, error: Row[2] = 'TypeError'): Row[] => [
  call(`pipeFile() with ${mistake}`, subject, error, fs => fs.pipeFile('test/a', 'x', options)),
  call(`open() for writing with ${mistake}`, subject, error, fs => fs.open('test/a', 'w', options))
]

const calls: readonly Row[] = [
  ...named('an object named .', 'test/.', '.'),
  ...named('an object named ..', 'test/..', '..'),
  ...named('an object whose name has two lines', 'line', 'a\r\nb'),
  ...named('an object whose name is too long', '1,024', 'x'.repeat(1025)),
  ...named('an object whose name UTF-8 can not carry', 'surrogate', '\ud800'),
  call('a look into a bucket named ..', '..', 'ENOENT', fs => fs.info('../a')),
  call('a look into a bucket with capitals', 'Test', 'ENOENT', fs => fs.ls('Test/a')),
  call('a bucket that is made with a name that none can have', 'no bucket', 'EINVAL', fs => fs.mkdir('A')),
  call('a write to a bucket', 'test', 'EISDIR', fs => fs.pipeFile('test', 'x')),
  call('a read of the list of buckets', 'buckets', 'EISDIR', fs => fs.catFile('')),
  call('the removal of the list of buckets', 'buckets', 'EINVAL', fs => fs.rmdir('')),
  call('a range from between two bytes', 'start', 'RangeError', fs => fs.catFile('test/a', { start: 1.5 })),
  call('a range to a text', 'end', 'TypeError', fs => fs.catFile('test/a', { end: wrong('x') })),
  call('a range without an end', 'ranges[0].end', 'TypeError', fs => fs.catRanges([wrong({ path: 'test/a', start: 0 })])),
  call('a read of a version that is none', 'generation', 'FORKFS_CHANGED', fs => fs.catFile('test/a', wrong({ ifMatch: '"abc"' }))),
  call('a signed URL without a key', 'sign', 'FORKFS_NOT_SUPPORTED', fs => fs.sign('test/a')),
  ...written('an ifMatch that is no generation', 'generation', { ifMatch: '"abc"' }, 'FORKFS_CHANGED'),
  ...written('two lines in contentType', 'contentType', { contentType: 'a\r\nb: c' }),
  ...written('a number in metadata', 'metadata.a', { metadata: { a: 5 } }),
  ...written('parts of no bytes', 'partBytes', { partBytes: 0 }, 'RangeError'),
  call('data that is a number', 'data', 'TypeError', fs => fs.pipeFile('test/a', wrong(5)))
]

const url = (mistake: string, subject: string, error: Row[2], of: unknown, options: unknown = {}): Row =>
  [mistake, subject, error, () => urlToFs(of as string, options as UrlOptions)]
const arriving = (mistake: string, subject: string, error: Row[2], options: unknown): Row =>
  [`a descriptor of gs ${mistake}`, subject, error, () => revive({ $forkfs: { v: 1, type: 'gs', options } })]

const arrivals: readonly Row[] = [
  url('a gs URL with a password', 'gs', 'TypeError', `gs://user:${secret}@b/k`),
  url('a gs URL that is not UTF-8', 'gs://b', 'TypeError', new URL('gs://b/%ff')),
  url('an option of GCS outside its protocol', 'gs: { projectId', 'TypeError', 'gs://b/k', { projectId: 'x' }),
  url('an option of S3 for gs', 'region', 'TypeError', 'gs://b/k', { gs: { region: 'x' } }),
  url('an endpoint of gs that is none', 'apiEndpoint', 'TypeError', 'gs://b/k', { gs: { apiEndpoint: 'ftp://x' } }),
  url('a gcs URL that is not allowed', 'gcs', 'FORKFS_NOT_ALLOWED', 'gcs://b/k', { allowedProtocols: ['s3'] }),
  arriving('with a misspelt option', 'apiEndpont', 'FORKFS_DESCRIPTOR', { apiEndpont: 'http://x' }),
  arriving('with a password in its endpoint', 'apiEndpoint', 'FORKFS_DESCRIPTOR', { apiEndpoint: `http://user:${secret}@x` }),
  arriving('with half a key', 'credentials.client_email', 'FORKFS_CREDENTIALS', { credentials: { private_key: secret } }),
  arriving('with a module that nobody allowed', 'allowModules', 'FORKFS_NOT_ALLOWED', { credentialsModule: '/x.mjs' }),
  arriving('that would send its token in clear', 'useAuthWithCustomEndpoint', 'FORKFS_CONFIG', { ...trusted, apiEndpoint: 'http://storage.example' })
]

const environment: readonly Row[] = [
  variable('gs', 'FORKFS_GS_TIMEOUT_MS', 'soon'),
  variable('gs', 'FORKFS_GS_MAX_CONCURRENCY', '0'),
  variable('gs', 'FORKFS_GS_PROJEKT_ID', 'x'),
  variable('gs', 'FORKFS_GCS_TIMEOUT_MS', 'soon'),
  variable('gs', 'FORKFS_GS_API_ENDPOINT', 'ftp://x'),
  variable('gs', 'FORKFS_GS_API_ENDPOINT', `http://user:${secret}@x`),
  variable('gs', 'FORKFS_GS_CREDENTIALS', secret),
  variable('gs', 'FORKFS_GS_CREDENTIALS', `{"private_key":"${secret}"}`, 'FORKFS_CREDENTIALS', 'credentials.client_email'),
  variable('gs', 'FORKFS_GS_RETRY', '{"tries":3}'),
  variable('gs', 'FORKFS_GS_USE_AUTH_WITH_CUSTOM_ENDPOINT', 'maybe'),
  variable('gs', 'FORKFS_GS_TRANSPORT', 'quic'),
  variable('gs', 'STORAGE_EMULATOR_HOST', 'ftp://x'),
  variable('gs', 'STORAGE_EMULATOR_HOST', 'not a host'),
  variable('gs', 'STORAGE_EMULATOR_HOST', 'http://x/some/path'),
  variable('gs', 'STORAGE_EMULATOR_HOST', `http://user:${secret}@x`),
  variable('gs', 'GOOGLE_CLOUD_UNIVERSE_DOMAIN', 'a/b')
]

export const gcsRows: Readonly<Record<'among options' | 'in calls' | 'in what arrives' | 'in the environment', readonly Row[]>> = {
  'among options': options, 'in calls': calls, 'in what arrives': arrivals, 'in the environment': environment
}
