import assert from 'node:assert/strict'
import { equalBytes, pattern, rejects, Stage } from './support.js'

const MiB = 1024 * 1024
const stage = new Stage()
const data = pattern(3 * MiB)

describe('http: faults', () => {
  afterEach(() => stage.end())

  it('a connection that is reset or ends before or within a body is asked again', async () => {
    const server = await stage.server({ files: { a: data } })
    for (const ranges of [true, false]) {
      server.set({ ranges })
      const fs = stage.fs({ baseUrl: server.endpoint })
      for (const range of [{}, { start: 1000, end: 2 * MiB }, { start: -5000 }]) {
        for (const type of ['reset', 'cut'] as const) {
          for (const afterBytes of [undefined, 0, 777, MiB]) {
            await server.addFault({ match: { method: 'GET' }, action: afterBytes === undefined ? { type } : { type, afterBytes } })
            equalBytes(await fs.catFile('a', range), data.slice(range.start, range.end))
            await server.clearFaults()
          }
        }
      }
    }
  })

  it('rejects with FORKFS_TRUNCATED when the body never comes whole', async () => {
    const server = await stage.server({ files: { a: data } })
    for (const ranges of [true, false]) {
      server.set({ ranges })
      const fs = stage.fs({ baseUrl: server.endpoint })
      for (const range of [{}, { start: 1000, end: 2000 }]) {
        for (const action of [{ type: 'cut', afterBytes: 700 }, { type: 'wrongLength', by: 10 }] as const) {
          await server.addFault({ match: { method: 'GET' }, action, times: 100 })
          if (!ranges && 'start' in range && action.type === 'wrongLength') {
            equalBytes(await fs.catFile('a', range), data.subarray(1000, 2000)) // its end is never reached
          } else {
            const contradicts = ranges && action.type === 'wrongLength' // Content-Range tells another length
            const error = await rejects(fs.catFile('a', range), contradicts ? 'FORKFS_PROTOCOL' : 'FORKFS_TRUNCATED')
            assert.equal(error.retry, 'exhausted')
          }
          await server.clearFaults()
        }
      }
    }
  })

  it('a chunked body that breaks off is no end of file', async () => {
    const server = await stage.server({ files: { a: data }, ranges: false, contentLength: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { method: 'GET' }, action: { type: 'cut', afterBytes: MiB } })
    equalBytes(await fs.catFile('a'), data)
    await server.addFault({ match: { method: 'GET' }, action: { type: 'cut', afterBytes: MiB }, times: 10 })
    await rejects(fs.catFile('a'), 'FORKFS_TRUNCATED')
    assert.ok(fs.stats.retries >= 3)
  })

  it('a body that ends with its connection (HTTP/1.0) is whole', async () => {
    const server = await stage.server({ files: { a: data }, ranges: false })
    await server.addFault({ match: { method: 'GET' }, action: { type: 'http10' }, times: 2 })
    equalBytes(await stage.fs({ baseUrl: server.endpoint }).catFile('a'), data)
  })

  it('silence ends after idleTimeoutMs: tried again, then ETIMEDOUT', async () => {
    const server = await stage.server({ files: { a: data } })
    for (const ranges of [true, false]) {
      server.set({ ranges })
      const fs = stage.fs({ baseUrl: server.endpoint, idleTimeoutMs: 60 })
      for (const at of ['headers', 'body'] as const) {
        for (const range of [{}, { start: 0, end: MiB }]) {
          await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at, afterBytes: 1000 } })
          equalBytes(await fs.catFile('a', range), data.slice(range.start, range.end))
          await server.addFault({ match: { method: 'GET' }, action: { type: 'stall', at, afterBytes: 1000 }, times: 10 })
          await rejects(fs.catFile('a', range), 'ETIMEDOUT')
          await server.clearFaults()
        }
      }
    }
  })

  it('a slow body has no deadline while bytes come', async () => {
    const server = await stage.server({ files: { a: data.subarray(0, 3000) }, ranges: false })
    const fs = stage.fs({ baseUrl: server.endpoint, timeoutMs: 150, idleTimeoutMs: 1000 })
    await server.addFault({ match: { method: 'GET' }, action: { type: 'trickle', bytesPerTick: 100, tickMs: 12 } })
    equalBytes(await fs.catFile('a'), data.subarray(0, 3000))
  })

  it('Retry-After is waited for, up to retry.maxMs', async () => {
    const server = await stage.server({ files: { a: data } })
    const fs = stage.fs({ baseUrl: server.endpoint, retry: { attempts: 2, baseMs: 1, maxMs: 1500 } })
    await server.addFault({ action: { type: 'status', status: 503, headers: { 'Retry-After': '1' } } })
    const began = performance.now()
    equalBytes(await fs.catFile('a'), data)
    assert.ok(performance.now() - began >= 990)
    assert.equal(fs.stats.retries, 1)
  })

  it('a page that breaks off is asked for again, and is none when it never comes whole', async () => {
    const server = await stage.server({ files: { 'd/one': '1', 'd/two': '2' } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const action of [{ type: 'cut', afterBytes: 50 }, { type: 'reset', afterBytes: 50 }] as const) {
      await server.addFault({ match: { method: 'GET' }, action })
      assert.equal((await fs.ls('d')).length, 2)
      await server.addFault({ match: { method: 'GET' }, action, times: 3 })
      assert.equal((await rejects(fs.ls('d'), 'FORKFS_TRUNCATED')).retry, 'exhausted')
    }
    assert.equal(fs.stats.retries, 2 + 4)
  })

  it('a part that fails for good fails the read, and its siblings stop', async () => {
    const server = await stage.server({ files: { long: pattern(40 * MiB) } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { method: 'GET', nth: 3 }, action: { type: 'status', status: 403 } })
    await rejects(fs.catFile('long'), 'EACCES')
    await server.reached({ inFlight: 0 })
  })

  it('a file that changes between the parts is read again from its beginning, once', async () => {
    const server = await stage.server({ files: { long: pattern(20 * MiB) } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await server.addFault({ match: { method: 'GET', nth: 2 }, action: { type: 'changeEtag' } })
    equalBytes(await fs.catFile('long'), pattern(20 * MiB))
    await server.addFault({ match: { method: 'GET' }, times: 20, action: { type: 'changeEtag' } })
    await rejects(fs.catFile('long'), 'FORKFS_CHANGED')
  })
  it('a size that changes between the parts counts as a change where the server names no version', async () => {
    const server = await stage.server({ files: { long: pattern(16 * MiB) }, etag: false, lastModified: false })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (const nth of [2, 4]) await server.addFault({ match: { method: 'GET', nth }, action: { type: 'wrongContentRange', value: `bytes ${8 * MiB}-${16 * MiB - 1}/${32 * MiB}` } })
    await rejects(fs.catFile('long'), 'FORKFS_CHANGED')
    equalBytes(await fs.catFile('long'), pattern(16 * MiB))
  })
})
