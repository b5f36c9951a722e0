import { configure, filesystem, loadImplementation, registerImplementation, urlToFs } from '../../../lib/index.js'
import { Fine, secret, wrong } from './rows.js'
import type { Place, Row } from './rows.js'

const s3 = (subject: string, options: Record<string, unknown>, error: Row[2] = 'TypeError'): Row =>
  [`s3 ${JSON.stringify(options, (_name, value: unknown) => typeof value === 'function' ? 'a function' : typeof value === 'number' ? String(value) : value)}`, subject, error, ({ s3 }) => s3(options)]
const http = (subject: string, options: Record<string, unknown>, error: Row[2] = 'TypeError'): Row => [`http ${JSON.stringify(options)}`, subject, error, ({ http }) => http(options)]
/** A read is what a mistake that only its use shows needs. */
const read = (fs: (place: Place) => ReturnType<Place['s3']>) => (place: Place): unknown => fs(place).readText('test/a')

export const options: readonly Row[] = [
  s3('endpoint', { endpoint: 'ftp://x' }),
  s3('endpoint', { endpoint: `http://user:${secret}@x` }),
  s3('endpoint', { endpoint: 'http://x/?a=b' }),
  s3('endpoint', { endpoint: '' }),
  s3('endpoint', { endpoint: 5 }),
  s3('region', { region: 'a/b' }),
  s3('region', { region: 5 }),
  s3('forcePathStyle', { forcePathStyle: 'yes' }),
  s3('profile', { profile: '' }),
  s3('credentials', { credentials: 5 }),
  s3('credentials', { credentials: async () => Promise.resolve({}) }),
  s3('credentials.secretAccessKey', { credentials: { accessKeyId: 'x' } }, 'FORKFS_CREDENTIALS'),
  s3('credentials.accessKeyId', { credentials: { secretAccessKey: secret } }, 'FORKFS_CREDENTIALS'),
  s3('credentials.secretAccessKey', { credentials: { accessKeyId: 'x', secretAccessKey: 5 } }),
  s3('credentials.accessKeyId', { credentials: { accessKeyId: 'x\ny', secretAccessKey: secret } }),
  s3('credentials.sessionToken', { credentials: { accessKeyId: 'x', secretAccessKey: secret, sessionToken: 5 } }),
  s3('credentialsModule', { credentialsModule: 'both-given' }),
  s3('credentialsModule', { credentials: undefined, credentialsModule: 'http://x/y.mjs' }),
  s3('credentialsModule', { credentials: undefined, credentialsModule: 5 }),
  ['s3 credentialsModule that is not there', '/none/keys.mjs', 'FORKFS_CONFIG', read(({ s3 }) => s3({ credentials: undefined, credentialsModule: '/none/keys.mjs' }))],
  s3('shareCredentials', { shareCredentials: 1 }),
  s3('requesterPays', { requesterPays: 'no' }),
  s3('versionAware', { versionAware: 0 }),
  s3('checksums', { checksums: 'no' }),
  s3('serverSideEncryption', { serverSideEncryption: '' }),
  s3('kmsKeyId', { kmsKeyId: 5 }),
  s3('transport', { transport: 'quic' }),
  s3('dispatcher', { dispatcher: {} }),
  s3('ca', { ca: 5 }),
  s3('timeoutMs', { timeoutMs: 0 }),
  s3('timeoutMs', { timeoutMs: Number.NaN }),
  s3('timeoutMs', { timeoutMs: '5' }),
  s3('idleTimeoutMs', { idleTimeoutMs: -1 }),
  s3('maxConcurrency', { maxConcurrency: 1.5 }),
  s3('maxConcurrency', { maxConcurrency: 0 }),
  s3('retry.attempts', { retry: { attempts: 0 } }),
  s3('`attemps` of `retry`', { retry: { attemps: 3 } }),
  s3('`attempts`', { retry: { attemps: 3 } }),
  s3('attempts, baseMs, maxMs', { retry: { tries: 3 } }),
  s3('retry.baseMs', { retry: { attempts: 3, baseMs: '50' } }),
  s3('retry', { retry: 5 }),
  s3('onForeignOwner', { onForeignOwner: 'maybe' }),
  s3('listings', { listings: true }),
  s3('listings.expirySeconds', { listings: { expirySeconds: 0 } }),
  s3('`expiry` of `listings`', { listings: { expiry: 5 } }),
  s3('fresh', { fresh: 'yes' }),
  s3('regoin', { regoin: 'eu-west-1' }),
  s3('autoMkdir', { autoMkdir: true }),
  http('baseUrl', { baseUrl: 'ftp://x' }),
  http('baseUrl', { baseUrl: 'x/y' }),
  http('baseUrl', { baseUrl: 'http://x/?a=b' }),
  http('baseUrl', { baseUrl: `http://user:${secret}@x/` }),
  http('headers', { headers: [] }),
  http('headers', { headers: { a: 5 } }),
  http('headers', { headers: { authorization: `${secret}\r\nx: y` } }),
  http('headers', { headers: { range: 'bytes=0-1' } }),
  http('headers', { headers: { 'a b': 'x' } }),
  http('region', { region: 'x' }),
  ['http headers in a Map', 'headers', 'TypeError', ({ http }) => http({ headers: new Map() })],
  ['file autoMkdir', 'autoMkdir', 'TypeError', () => filesystem('file', { autoMkdir: wrong('x') })],
  ['memory name', 'name', 'TypeError', () => filesystem('memory', { name: wrong(5) })],
  ['memory nmae', 'name', 'TypeError', () => filesystem('memory', wrong({ nmae: 'x' }))],
  ['options that are null', 's3', 'TypeError', () => filesystem('s3', wrong(null))],
  ['options that are a list', 's3', 'TypeError', () => filesystem('s3', wrong([]))],
  ['options that are a text', 's3', 'TypeError', () => filesystem('s3', wrong('x'))],
  ['a protocol with ://', 's3://b', 'TypeError', () => filesystem('s3://b')],
  ['a protocol that is a number', '5', 'TypeError', () => filesystem(wrong(5))],
  ['a protocol that is not there', 's4', 'FORKFS_UNKNOWN_PROTOCOL', () => filesystem('s4')],
  ['configure() of no protocol', 's9', 'FORKFS_UNKNOWN_PROTOCOL', () => { configure('s9', {}) }],
  ['configure() of a misspelt option', 'region', 'TypeError', () => { configure('s3', { regoin: 'x' }) }],
  ['configure() of a wrong kind', 'timeoutMs', 'TypeError', () => { configure('s3', { timeoutMs: 'x' }) }],
  ['configure() of a misspelt field', '`attempts`', 'TypeError', () => { configure('s3', { retry: { attemps: 3 } }) }],
  ['configure() with a number', 'defaults', 'TypeError', () => { configure('s3', wrong(5)) }],
  ['configure() of a default that only its use refuses', 'configure(', 'FORKFS_CONFIG', ({ options: { endpoint: _endpoint, ...rest } }) => {
    configure('s3', { endpoint: 'ftp://x' })
    try { return filesystem('s3', rest) } finally { configure('s3', { endpoint: undefined }) }
  }],
  ['registerImplementation() of a wrong name', 'Bad://', 'TypeError', () => { registerImplementation('Bad://', Fine) }],
  ['registerImplementation() of a number', 'protocol', 'TypeError', () => { registerImplementation(wrong(5), Fine) }],
  ['registerImplementation() of no name', 'protocol', 'TypeError', () => { registerImplementation([], Fine) }],
  ['registerImplementation() of nothing', 'implementation', 'TypeError', () => { registerImplementation('bad', wrong(null)) }],
  ['registerImplementation() without load()', 'load', 'TypeError', () => { registerImplementation('bad', wrong({})) }],
  ['registerImplementation() of a class of another kind', 'FileSystem', 'TypeError', () => { registerImplementation('bad', wrong(class { static readonly protocols = ['bad'] })) }],
  ['registerImplementation() of a class without protocols', 'Nameless.protocols', 'TypeError', () => {
    registerImplementation('bad', class Nameless extends Fine { static override readonly protocols = [] })
  }],
  ['registerImplementation() over another one', 's3', 'FORKFS_CONFIG', () => { registerImplementation('s3', Fine) }],
  ['a loader that gives no class', 'forkfs-odd', 'FORKFS_MISSING_PEER', () => {
    registerImplementation('odd', { load: async () => Promise.resolve(wrong(5)), install: 'forkfs-odd' }, { clobber: true })
    return urlToFs('odd://x')
  }],
  ['a loader that fails', 'forkfs-failing', 'FORKFS_MISSING_PEER', () => {
    registerImplementation('failing', { load: async () => Promise.reject(new Error('none')), install: 'forkfs-failing' }, { clobber: true })
    return urlToFs('failing://x')
  }],
  ['a protocol that is not loaded yet', 'loadImplementation(\'unloaded\')', 'FORKFS_NOT_LOADED', () => {
    registerImplementation('unloaded', { load: async () => Promise.resolve(Fine) }, { clobber: true })
    return filesystem('unloaded')
  }],
  ['loadImplementation() of no protocol', 'nope', 'FORKFS_UNKNOWN_PROTOCOL', () => loadImplementation('nope')]
]
