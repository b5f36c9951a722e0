import assert from 'node:assert/strict'
import type { FaultAction } from '../../servers/index.js'
import { faultsReadingSuite, large, small } from '../object-store/faults-reading.js'
import { code, gcs, openFaulty } from './support.js'

const media = { operation: 'objects.getMedia' }

describe('GCS: faults while reading', function () {
  this.timeout(20_000)
  const on = faultsReadingSuite(gcs, {
    passing: {
      'a 408': { type: 'status', status: 408 },
      'a 504': { type: 'status', status: 504 },
      'a 429': { type: 'status', status: 429 },
      'a quota in a 403': { type: 'status', status: 403, code: 'rateLimitExceeded' }
    },
    refusals: [
      [400, 'invalid', 'EINVAL'], [401, 'authError', 'FORKFS_CREDENTIALS'], [403, 'forbidden', 'EACCES'], [404, 'notFound', 'ENOENT'],
      [405, 'methodNotAllowed', 'FORKFS_NOT_SUPPORTED'], [412, 'conditionNotMet', 'FORKFS_CHANGED'], [451, 'legal', 'EACCES'], [501, 'notImplemented', 'FORKFS_NOT_SUPPORTED']
    ]
  })

  for (const [name, action] of Object.entries<FaultAction>({ 'HTML with a 200': { type: 'garbage', text: '<html>' }, 'a success with an error inside': { type: 'json', set: { error: { code: 500 } } } })) {
    it(`G15: takes ${name} for no listing`, async () => {
      await on.fault(action, { operation: 'objects.list' })
      assert.equal((await on.fs.find('test')).length, 3)
      await on.fault(action, { operation: 'objects.list' }, 100)
      await assert.rejects(on.fs.find('test'), code('FORKFS_PROTOCOL', { retry: 'exhausted' }))
    })
  }

  it('G15: tells a byte that is another one by the CRC32C, of short and of long objects, and reads again', async () => {
    await on.fault({ type: 'flipByte', at: 77 })
    on.holds(await on.fs.catFile('test/small'), small)
    assert.equal(await on.reads(), 2)
    await on.fault({ type: 'flipByte', at: 77 }, media, 100)
    await assert.rejects(on.fs.catFile('test/small'), code('FORKFS_CHECKSUM', { retry: 'exhausted' }))
    await on.server.clearFaults()
    await on.fault({ type: 'flipByte', at: 5 }, { ...media, nth: 2 })
    await assert.rejects(on.fs.catFile('test/large'), code('FORKFS_CHECKSUM'))
    await on.server.clearFaults()
    await on.fault({ type: 'flipByte', at: 77 }, media, 100)
    assert.equal((await on.open({ checksums: false }).catFile('test/small')).length, small.length)
  })

  it('G15: never mixes in another generation than it asked for', async () => {
    const { etag } = await on.fs.info('test/small')
    await on.fault({ type: 'header', name: 'x-goog-generation', value: '17' }, media, 100)
    await assert.rejects(on.fs.catFile('test/small', { ifMatch: etag }), code('FORKFS_CHANGED'))
    await on.server.clearFaults()
    await on.fault({ type: 'header', name: 'x-goog-generation' }, { ...media, from: 2 }, 100)
    await assert.rejects(on.fs.catFile('test/large'), code('FORKFS_PROTOCOL')) // changed, it seems; and then nobody says what to read on
  })

  it('G20: tries a 403 again only where it is about a quota', async () => {
    await on.fault({ type: 'status', status: 403, code: 'forbidden' })
    await assert.rejects(on.fs.catFile('test/small', { end: 10 }), code('EACCES', { status: 403, retry: 'never' }))
    assert.equal(await on.reads(), 1)
    for (const reason of ['userRateLimitExceeded', 'quotaExceeded']) {
      await on.fault({ type: 'status', status: 403, code: reason })
      on.holds(await on.fs.catFile('test/small'), small)
    }
  })

  it('lets those who may list but not look see files and directories', async () => {
    const looked = await on.fs.info('test/small')
    await on.fault({ type: 'status', status: 403, code: 'forbidden' }, { operation: 'objects.get' }, 100)
    assert.deepEqual(await on.fs.info('test/small'), looked) // all of it: a listing asks for less
    assert.equal((await on.fs.info('test/dir')).type, 'directory')
    await assert.rejects(on.fs.info('test/gone'), code('EACCES'))
    await on.fault({ type: 'status', status: 403, code: 'forbidden' }, { operation: 'buckets.get' }, 100)
    assert.equal((await on.fs.info('test')).type, 'directory')
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
})
