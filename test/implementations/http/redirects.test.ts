import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Trail } from '../../../implementations/http/redirects.js'
import { isFsError } from '../../../lib/errors/index.js'
import { cert, key } from './fixtures/certificate.js'
import { equalBytes, header, pattern, rejects, Stage } from './support.js'

const stage = new Stage()
const data = pattern(1000)
const secrets = { Authorization: 'Bearer hunter2', Cookie: 'a=hunter2', 'X-Api-Key': 'hunter2', Accept: 'text/plain' }

describe('http: redirects', () => {
  afterEach(() => stage.end())

  it('are followed for each status and each form of Location, and the end is reported', async () => {
    const server = await stage.server({ files: { 'x/target a': data } })
    const forms = ['/x/target%20a', `${server.endpoint}/x/target%20a`, 'target%20a', '../x/target%20a', `//${server.endpoint.slice(7)}/x/target%20a`, '/x/target a']
    for (const status of [301, 302, 303, 307, 308] as const) {
      for (const to of forms) {
        server.set({ redirects: { 'x/from': { to, status } } })
        const fs = stage.fs({ baseUrl: server.endpoint })
        equalBytes(await fs.catFile('x/from', { start: 10, end: 20 }), data.subarray(10, 20))
        equalBytes(await fs.catFile('x/from'), data)
        const info = await fs.info('x/from')
        assert.equal(info.size, 1000)
        assert.equal(info.name, `${server.endpoint}/x/from`)
        assert.equal(info['url'], `${server.endpoint}/x/target%20a`)
      }
    }
  })

  it('keep the bytes of an absolute Location', async () => {
    const server = await stage.server({ redirects: { from: { to: '/a//b/%2e%2e/c?x=a%2Fb' } } })
    await rejects(stage.fs({ baseUrl: server.endpoint }).info('from'), 'ENOENT')
    assert.equal((await server.requests()).at(-1)!.target, '/a//b/%2e%2e/c?x=a%2Fb')
  })

  it('take all headers along within the origin and only harmless ones to another, also on the way back', async () => {
    const home = await stage.server({ files: { back: data } })
    const away = await stage.server({ redirects: { over: { to: `${home.endpoint}/back` } } })
    home.set({ redirects: { here: { to: '/back' }, there: { to: `${away.endpoint}/over` } } })
    const fs = stage.fs({ headers: secrets })
    const sent = async (path: string): Promise<Array<string | undefined>> => {
      await home.resetCounters()
      await away.resetCounters()
      for (const read of [() => fs.info(path), () => fs.catFile(path), () => fs.catFile(path, { start: 0, end: 9 })]) await read()
      return [...await home.requests(), ...await away.requests()].flatMap(request => Object.keys(secrets).map(name => header(request, name.toLowerCase())))
    }
    assert.deepEqual(new Set(await sent(`${home.endpoint}/here`)), new Set(Object.values(secrets)))
    await sent(`${home.endpoint}/there`)
    for (const request of [...await away.requests(), ...(await home.requests()).filter(({ target }) => target === '/back')]) {
      assert.deepEqual(Object.keys(secrets).map(name => header(request, name.toLowerCase())), [undefined, undefined, undefined, 'text/plain'])
    }
  })

  it('have nothing to do with URLs elsewhere: headers of a baseUrl stay with its origin', async () => {
    const home = await stage.server({ files: { a: data } })
    const away = await stage.server({ files: { a: data } })
    const fs = stage.fs({ baseUrl: home.endpoint, headers: secrets })
    await fs.catFile('a')
    await fs.catFile(`${away.endpoint}/a`)
    assert.equal(header((await home.requests())[0]!, 'authorization'), 'Bearer hunter2')
    assert.equal(header((await away.requests())[0]!, 'authorization'), undefined)
    assert.equal(header((await away.requests())[0]!, 'x-api-key'), undefined)
  })

  it('reject with FORKFS_PROTOCOL when they lead in a circle, are more than ten, or lead nowhere', async () => {
    const steps = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`s${index}`, { to: `/s${index + 1}` }]))
    const server = await stage.server({ files: { s11: data }, redirects: { ...steps, a: { to: '/b' }, b: { to: '/a' }, none: { to: '' } } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await rejects(fs.catFile('a'), 'FORKFS_PROTOCOL')
    await rejects(fs.catFile('none'), 'FORKFS_PROTOCOL')
    await rejects(fs.catFile('s0'), 'FORKFS_PROTOCOL')
    equalBytes(await fs.catFile('s1'), data)
  })

  it('reject with FORKFS_NOT_ALLOWED when they leave http, or https for http', async () => {
    const server = await stage.server({ redirects: { a: { to: 'file:///etc/passwd' }, b: { to: 'ftp://h/x' } } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    await rejects(fs.catFile('a'), 'FORKFS_NOT_ALLOWED')
    await rejects(fs.catFile('b'), 'FORKFS_NOT_ALLOWED')
    assert.throws(() => new Trail('https://h/a', true).follow({ status: 302, headers: { location: 'http://h/a' } }), error => isFsError(error, 'FORKFS_NOT_ALLOWED'))
    new Trail('http://h/a', true).follow({ status: 302, headers: { location: 'https://h/a' } })
  })

  it('keep the connection of the server that sent them', async () => {
    const server = await stage.server({ files: { a: data }, redirects: { from: { to: '/a' } } })
    const fs = stage.fs({ baseUrl: server.endpoint })
    for (let count = 0; count < 10; count++) equalBytes(await fs.catFile('from'), data)
    const { ever } = (await server.counters()).sockets
    assert.ok(ever <= 2, `${ever} connections for 20 requests`) // a second one while the first is between two requests
  })
})

describe('http: certificates', () => {
  it('are refused when unknown, and taken when their authority is given as `ca`', async () => {
    const server = createServer({ key, cert }, (_req, res) => { res.end('secret') })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const baseUrl = `https://localhost:${(server.address() as AddressInfo).port}`
      await rejects(stage.fs({ baseUrl }).catFile('a'), 'FORKFS_NETWORK')
      assert.equal(await stage.fs({ baseUrl, ca: cert }).readText('a'), 'secret')
    } finally {
      await stage.end()
      server.close()
    }
  })
})
