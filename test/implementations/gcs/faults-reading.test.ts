import assert from 'node:assert/strict'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import type { FaultAction, FaultRule, GcsServer } from '../../servers/index.js'
import { code, MiB, openFaulty, pattern } from './support.js'
import type { Options } from './support.js'

const part = 8 * MiB
const small = pattern(20_000)
const large = pattern(3 * part + 9)
const media = { operation: 'objects.getMedia' }

describe('GCS: faults while reading', function () {
  this.timeout(20_000)
  let server: GcsServer
  let fs: GcsFileSystem
  let open: (options?: Options) => GcsFileSystem
  let close: () => Promise<void>
  let opened: GcsFileSystem[]
  before(async () => {
    ({ server, open, close } = await openFaulty())
    await server.put('test', 'small', small)
    await server.put('test', 'large', large)
    await server.put('test', 'dir/a', '')
  })
  after(() => close())
  beforeEach(async () => {
    opened = []
    fs = keep({})
    await server.resetCounters()
  })
  afterEach(async () => {
    await server.clearFaults()
    await Promise.all(opened.map(each => each.close()))
    await server.reached({ sockets: 0 })
  })
  const keep = (options: Options): GcsFileSystem => {
    const made = open(options)
    opened.push(made)
    return made
  }
  const fault = (action: FaultRule['action'], match: FaultRule['match'] = media, times = 1): Promise<void> => server.addFault({ action, match, times })
  const count = async (operation: string): Promise<number> => (await server.counters()).operations[operation] ?? 0
  const holds = (got: Uint8Array, expected: Uint8Array): void => { assert.ok(Buffer.from(got).equals(expected), `${got.length} bytes instead of ${expected.length}, or others`) }

  const passing: Record<string, FaultAction> = {
    'a 503': { type: 'status', status: 503 },
    'a 500': { type: 'status', status: 500 },
    'a 408': { type: 'status', status: 408 },
    'a 504': { type: 'status', status: 504 },
    'a 429': { type: 'status', status: 429 },
    'a quota in a 403': { type: 'status', status: 403, code: 'rateLimitExceeded' },
    'a reset before the reply': { type: 'reset' },
    'a reset in the body': { type: 'reset', afterBytes: 1000 },
    'a reset at the request': { type: 'reset', of: 'request' },
    'an end before the reply': { type: 'cut' },
    'a body cut short': { type: 'cut', afterBytes: 1000 },
    'a length that is too large': { type: 'wrongLength', by: 5 },
    'a length that is too small': { type: 'wrongLength', by: -5 },
    'a flood of headers': { type: 'headerFlood' },
    'a Content-Range that lies': { type: 'wrongContentRange' },
    'a missing Content-Range': { type: 'noContentRange' },
    'an ignored range': { type: 'ignoreRange' }
  }
  for (const [name, action] of Object.entries(passing)) {
    it(`G15: reads a range again after ${name}`, async () => {
      await fault(action)
      holds(await fs.catFile('test/small', { start: 10, end: 15_000 }), small.subarray(10, 15_000))
      assert.equal(await count('objects.getMedia'), 2)
    })
  }
  for (const name of ['a 503', 'a reset before the reply', 'a reset in the body', 'a body cut short', 'a length that is too large']) {
    it(`G15: reads a whole object again after ${name}, and a part of a large one alone`, async () => {
      await fault(passing[name]!)
      holds(await fs.catFile('test/small'), small)
      await server.resetCounters()
      await fault(passing[name]!, { ...media, nth: 3 })
      holds(await fs.catFile('test/large'), large)
      assert.equal(await count('objects.getMedia'), 5)
    })
  }

  for (const name of ['a 503', 'a reset before the reply', 'a body cut short']) {
    it(`G15: looks and lists again after ${name}`, async () => {
      await fault(passing[name]!, { operation: 'objects.get' })
      assert.equal((await fs.info('test/small')).size, small.length)
      await fault(passing[name]!, { operation: 'objects.list' })
      assert.deepEqual(await fs.find('test'), ['test/dir/a', 'test/large', 'test/small'])
    })
  }
  for (const [name, action] of Object.entries<FaultAction>({ 'HTML with a 200': { type: 'garbage', text: '<html>' }, 'a success with an error inside': { type: 'json', set: { error: { code: 500 } } } })) {
    it(`G15: takes ${name} for no listing`, async () => {
      await fault(action, { operation: 'objects.list' })
      assert.equal((await fs.find('test')).length, 3)
      await fault(action, { operation: 'objects.list' }, 100)
      await assert.rejects(fs.find('test'), code('FORKFS_PROTOCOL', { retry: 'exhausted' }))
    })
  }

  it('G15: tells a byte that is another one by the CRC32C, of short and of long objects, and reads again', async () => {
    await fault({ type: 'flipByte', at: 77 })
    holds(await fs.catFile('test/small'), small)
    assert.equal(await count('objects.getMedia'), 2)
    await fault({ type: 'flipByte', at: 77 }, media, 100)
    await assert.rejects(fs.catFile('test/small'), code('FORKFS_CHECKSUM', { retry: 'exhausted' }))
    await server.clearFaults()
    await fault({ type: 'flipByte', at: 5 }, { ...media, nth: 2 })
    await assert.rejects(fs.catFile('test/large'), code('FORKFS_CHECKSUM'))
    await server.clearFaults()
    await fault({ type: 'flipByte', at: 77 }, media, 100)
    assert.equal((await keep({ checksums: false }).catFile('test/small')).length, small.length)
  })

  it('G15: never mixes in another generation than it asked for', async () => {
    const { etag } = await fs.info('test/small')
    await fault({ type: 'header', name: 'x-goog-generation', value: '17' }, media, 100)
    await assert.rejects(fs.catFile('test/small', { ifMatch: etag }), code('FORKFS_CHANGED'))
    await server.clearFaults()
    await fault({ type: 'header', name: 'x-goog-generation' }, { ...media, from: 2 }, 100)
    await assert.rejects(fs.catFile('test/large'), code('FORKFS_PROTOCOL')) // changed, it seems; and then nobody says what to read on
  })

  it('G15: gives up after so many attempts, and says so', async () => {
    await fault({ type: 'status', status: 503 }, media, 100)
    await assert.rejects(keep({ retry: { attempts: 3, baseMs: 1, maxMs: 2 } }).catFile('test/small'), code('FORKFS_BACKEND', { retry: 'exhausted', status: 503, path: 'test/small' }))
    assert.equal(await count('objects.getMedia'), 3)
  })

  for (const at of ['headers', 'body'] as const) {
    it(`G15: waits no longer than its deadline for ${at}`, async () => {
      await fault({ type: 'stall', at, afterBytes: 100 }, media, 100)
      const start = performance.now()
      await assert.rejects(keep({ timeoutMs: 150 }).catFile('test/small'), code('ETIMEDOUT'))
      assert.ok(performance.now() - start < 3000)
    })
  }

  it('G20: obeys Retry-After', async () => {
    await fault({ type: 'status', status: 429, headers: { 'Retry-After': '1' } })
    const start = performance.now()
    holds(await keep({ retry: { baseMs: 1, maxMs: 5000 } }).catFile('test/small'), small)
    assert.ok(performance.now() - start >= 990)
  })

  it('G20: tries a 403 again only where it is about a quota', async () => {
    await fault({ type: 'status', status: 403, code: 'forbidden' })
    await assert.rejects(fs.catFile('test/small', { end: 10 }), code('EACCES', { status: 403, retry: 'never' }))
    assert.equal(await count('objects.getMedia'), 1)
    for (const reason of ['userRateLimitExceeded', 'quotaExceeded']) {
      await fault({ type: 'status', status: 403, code: reason })
      holds(await fs.catFile('test/small'), small)
    }
  })

  const told: Array<[number, string, string]> = [
    [400, 'invalid', 'EINVAL'], [401, 'authError', 'FORKFS_CREDENTIALS'], [403, 'forbidden', 'EACCES'], [404, 'notFound', 'ENOENT'], [405, 'methodNotAllowed', 'FORKFS_NOT_SUPPORTED'],
    [412, 'conditionNotMet', 'FORKFS_CHANGED'], [451, 'legal', 'EACCES'], [501, 'notImplemented', 'FORKFS_NOT_SUPPORTED']
  ]
  for (const [status, reason, expected] of told) {
    it(`tells a ${status} as ${expected}`, async () => {
      await fault({ type: 'status', status, code: reason }, media, 100)
      await assert.rejects(fs.catFile('test/small'), code(expected, { status, operation: 'catFile', path: 'test/small', protocol: 'gs' }))
    })
  }

  it('lets those who may list but not look see files and directories', async () => {
    await fault({ type: 'status', status: 403, code: 'forbidden' }, { operation: 'objects.get' }, 100)
    assert.equal((await fs.info('test/small')).size, small.length)
    assert.equal((await fs.info('test/dir')).type, 'directory')
    await assert.rejects(fs.info('test/gone'), code('EACCES'))
    await fault({ type: 'status', status: 403, code: 'forbidden' }, { operation: 'buckets.get' }, 100)
    assert.equal((await fs.info('test')).type, 'directory')
  })

  it('says which option a bucket wants whose requester pays, and sends it with every request', async () => {
    await using running = await openFaulty({ buckets: [{ name: 'paid', requesterPays: true }] })
    await assert.rejects(running.fs.ls('paid'), code('FORKFS_CONFIG'))
    const payer = running.open({ userProject: 'payer' })
    await payer.pipe({ 'paid/a': '1', 'paid/b': '2', 'paid/c': 'x' })
    await payer.pipeFile('paid/large', large)
    await payer.cp('paid/a', 'paid/d')
    assert.equal((await payer.catFile('paid/large')).length, large.length)
    await payer.rm('paid', { recursive: true })
    assert.deepEqual(await payer.ls('paid'), [])
  })

  it('G23: leaves the other reads of the process alone when one fails, one is left and one instance closes', async () => {
    const others = Array.from({ length: 4 }, () => keep({}))
    const reads = Array.from({ length: 24 }, (_, index) => others[index % 4]!.catFile('test/small'))
    const leaving = keep({})
    const stream = leaving.createReadStream('test/large')
    await new Promise(resolve => stream.once('data', resolve))
    stream.destroy()
    await assert.rejects(keep({}).catFile('test/none'), code('ENOENT'))
    const closing = keep({})
    await closing.info('test/small')
    await closing.close()
    for (const read of reads) holds(await read, small)
  })

  it('G24: keeps to its connections, and to none after close()', async () => {
    const narrow = keep({ maxConcurrency: 8 })
    await Promise.all(Array.from({ length: 500 }, () => narrow.info('test/small')))
    const { sockets } = await server.counters()
    assert.ok(sockets.peak <= 10, `${sockets.peak} sockets`)
    await narrow.close()
    assert.equal(narrow.stats.sockets, 0)
  })
})
