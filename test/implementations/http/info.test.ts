import assert from 'node:assert/strict'
import { failureOf, statusConditions } from '../../../implementations/http/errors.js'
import { equalBytes, pattern, rejects, Stage } from './support.js'

const stage = new Stage()
const data = pattern(5000)

describe('http: info()', () => {
  afterEach(() => stage.end())

  it('tells name, size, type, time, version and media type from HEAD alone', async () => {
    const server = await stage.server()
    server.put('a.csv', data, { modified: 1_700_000_000_000, headers: { 'Content-Type': 'text/csv; charset=utf-8' } })
    const { etag, ...info } = await stage.fs({ baseUrl: server.endpoint }).info('a.csv')
    assert.deepEqual(info, { name: `${server.endpoint}/a.csv`, size: 5000, type: 'file', modified: new Date(1_700_000_000_000), mimetype: 'text/csv', partial: true, url: `${server.endpoint}/a.csv` })
    assert.match(etag!, /^"[0-9a-f]+"$/)
    assert.deepEqual((await server.counters()).operations, { HEAD: 1 })
  })

  it('takes the time as version when the ETag is weak or missing', async () => {
    for (const etag of ['weak', false] as const) {
      const server = await stage.server({ etag })
      server.put('a', data, { modified: 1_700_000_000_000 })
      assert.equal((await stage.fs().info(`${server.endpoint}/a`)).etag, 'Tue, 14 Nov 2023 22:13:20 GMT')
    }
    const bare = await stage.server({ etag: false, lastModified: false, files: { a: data } })
    assert.equal((await stage.fs().info(`${bare.endpoint}/a`)).etag, undefined)
  })

  it('asks for one byte when HEAD is refused, not implemented, forbidden or without a length', async () => {
    for (const head of ['refused', 'noLength', 501, 403] as const) {
      const server = await stage.server({ files: { a: data, empty: '' } })
      if (typeof head === 'string') server.set({ head })
      else await server.addFault({ match: { method: 'HEAD' }, action: { type: 'status', status: head }, times: 10 })
      const fs = stage.fs({ baseUrl: server.endpoint })
      const { size, partial, etag } = await fs.info('a')
      assert.deepEqual([size, partial, typeof etag], [5000, true, 'string'])
      assert.equal((await fs.info('empty')).size, 0)
      server.set({ ranges: false })
      assert.deepEqual([(await fs.info('a')).size, (await fs.info('a'))['partial']], [5000, false])
      server.set({ contentLength: false })
      assert.equal((await fs.info('a')).size, undefined)
      equalBytes(await fs.catFile('a'), data)
    }
  })

  it('reads no long body for want of a length, and leaves no connection in use', async () => {
    const server = await stage.server({ files: { a: pattern(24 * 1024 * 1024) }, head: 'refused', ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    assert.equal((await fs.info('a')).size, 24 * 1024 * 1024)
    assert.ok(fs.stats.bytesIn < 1024 * 1024)
    assert.equal((await server.counters()).requests, 2)
    await server.reached({ inFlight: 0 })
  })

  it('rejects with FORKFS_TRUNCATED when the file turns out shorter than HEAD said', async () => {
    const server = await stage.server({ files: { a: data }, head: 'wrongLength' })
    const file = await stage.fs().open(`${server.endpoint}/a`)
    await rejects(file.readFile(), 'FORKFS_TRUNCATED')
    await file.close()
  })

  it('exists() is false for 404 and 410 only', async () => {
    const server = await stage.server({ files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    assert.equal(await fs.exists('a'), true)
    assert.equal(await fs.exists('b'), false)
    for (const [status, code] of [[410, undefined], [401, 'EACCES'], [403, 'EACCES'], [500, 'FORKFS_BACKEND'], [429, 'FORKFS_RATE_LIMITED']] as const) {
      await server.addFault({ action: { type: 'status', status }, times: 6 })
      if (code === undefined) assert.equal(await fs.exists('a'), false)
      else await rejects(fs.exists('a'), code)
      await server.clearFaults()
    }
  })

  it('errors carry status, code and retry as the table says', async () => {
    const server = await stage.server({ files: { a: data } })
    for (const [status, [code, retry]] of Object.entries(statusConditions)) {
      assert.equal(failureOf(Number(status), 'http://h/a', []).code, code)
      await server.addFault({ action: { type: 'status', status: Number(status) }, times: 3 })
      if (status === '416') { await server.clearFaults(); continue } // an answer, not an error
      const error = await rejects(stage.fs({ baseUrl: server.endpoint }).catFile('a', { start: 0, end: 5 }), code)
      assert.deepEqual([error.status, error.retry, error.operation], [Number(status), retry === 'may' ? 'exhausted' : 'never', 'catFile'])
      await server.clearFaults()
    }
  })
})
