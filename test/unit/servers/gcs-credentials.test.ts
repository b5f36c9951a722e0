import assert from 'node:assert/strict'
import { createHash, createSign } from 'node:crypto'
import { startGcsServer } from '../../servers/index.js'
import { GcsCalls, object, reasonOf } from './gcs-support.js'
import type { GcsServer } from '../../servers/index.js'
import type { GcsServerOptions } from '../../servers/index.js'

describe('credentials of the GCS server', () => {
  const servers: GcsServer[] = []

  async function start (options: GcsServerOptions = {}): Promise<[GcsServer, GcsCalls]> {
    const server = await startGcsServer({ anonymous: false, ...options })
    servers.push(server)
    return [server, new GcsCalls(server.endpoint)]
  }

  afterEach(async () => { for (const server of servers.splice(0)) await server.close() })

  const bearer = (token: unknown) => ({ authorization: `Bearer ${String(token)}` })
  const form = (fields: Readonly<Record<string, string>>) => ({ body: new URLSearchParams(fields).toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } })

  /** A JSON Web Token of the service account. */
  async function assertion (server: GcsServer, claims: object = {}): Promise<string> {
    const { serviceAccount: { client_email: iss, private_key: key } } = await server.credentials()
    const now = Math.floor(Date.now() / 1000)
    const text = [{ alg: 'RS256', typ: 'JWT' }, { iss, iat: now, exp: now + 3600, scope: 'x', ...claims }].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`
  }

  it('lets in who has a token, and nobody else', async () => {
    const [server, gcs] = await start()
    await server.put('test', 'a', 'x')
    const none = await gcs.info('test', 'a')
    assert.deepEqual([none.status, reasonOf(none)], [401, 'required'])
    const bad = await gcs.get(object('test', 'a'), bearer('nonsense'))
    assert.deepEqual([bad.status, reasonOf(bad)], [401, 'authError'])
    assert.match(bad.headers['www-authenticate']!, /invalid_token/)
    assert.equal((await gcs.get(object('test', 'a'), bearer(server.accessToken))).status, 200)
    const [, open] = await start({ anonymous: true })
    assert.equal((await open.get('/storage/v1/b/test')).status, 200)
    assert.equal((await open.get('/storage/v1/b/test', bearer('nonsense'))).status, 401)
  })

  it('ends tokens by time, by number of requests, and when told to', async () => {
    const [server, gcs] = await start({ tokenSeconds: 100, tokenRequests: 2 })
    const ask = async (token: unknown) => (await gcs.get('/storage/v1/b/test', bearer(token))).status
    assert.deepEqual([await ask(server.accessToken), await ask(server.accessToken), await ask(server.accessToken)], [200, 200, 401])
    const fresh = async () => (await gcs.get('/computeMetadata/v1/instance/service-accounts/default/token', { 'metadata-flavor': 'Google' })).json['access_token']
    const late = await fresh()
    await server.setClock(101_000)
    assert.equal(await ask(late), 401)
    const revoked = await fresh()
    await server.revokeTokens()
    assert.equal(await ask(revoked), 401)
    assert.equal(await ask(await fresh()), 200)
  })

  it('gives tokens for what a service account signed, and takes that itself', async () => {
    const [server, gcs] = await start()
    const grant_type = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    const { json } = await gcs.call('POST', '/token', form({ grant_type, assertion: await assertion(server) }))
    assert.deepEqual([json['expires_in'], json['token_type']], [3600, 'Bearer'])
    assert.equal((await gcs.get('/storage/v1/b/test', bearer(json['access_token']))).status, 200)
    assert.equal((await gcs.get('/storage/v1/b/test', bearer(await assertion(server)))).status, 200)
    const ended = await assertion(server, { exp: 1 })
    const forged = (await assertion(server)).slice(0, -8) + 'AAAAAAAA'
    for (const bad of [ended, forged, 'x.y.z', '']) {
      const refused = await gcs.call('POST', '/token', form({ grant_type, assertion: bad }))
      assert.deepEqual([refused.status, refused.json['error']], [400, 'invalid_grant'])
    }
    assert.equal((await gcs.get('/storage/v1/b/test', bearer(ended))).status, 401)
  })

  it('gives tokens for a refresh token, for a subject token, by the metadata server, and by lending the service account', async () => {
    const [server, gcs] = await start()
    const { authorizedUser, externalAccount } = await server.credentials()
    const refreshed = await gcs.call('POST', '/token', form({ grant_type: 'refresh_token', ...authorizedUser }))
    const { url } = externalAccount['credential_source'] as { readonly url: string }
    const { json: { token } } = await gcs.get(new URL(url).pathname)
    const exchange = { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', subject_token: String(token) }
    const exchanged = await gcs.call('POST', new URL(String(externalAccount['token_url'])).pathname, form(exchange))
    const found = await gcs.get('/computeMetadata/v1/instance/service-accounts/default/token', { 'metadata-flavor': 'Google' })
    assert.equal(found.headers['metadata-flavor'], 'Google')
    for (const reply of [refreshed, exchanged, found]) assert.equal((await gcs.get('/storage/v1/b/test', bearer(reply.json['access_token']))).status, 200)
    assert.equal((await gcs.get('/computeMetadata/v1/instance/service-accounts/default/token')).status, 403)
    assert.equal((await gcs.get('/computeMetadata/v1/project/project-id', { 'metadata-flavor': 'Google' })).body.toString(), server.projectId)
    assert.equal((await gcs.call('POST', '/token', form({ grant_type: 'refresh_token', refresh_token: 'other' }))).status, 400)
    assert.equal((await gcs.call('POST', '/v1/token', form({ ...exchange, subject_token: 'other' }))).status, 400)
    assert.equal((await server.counters()).operations['sts.token'], 2)
    const lend = new URL(String((await server.credentials()).impersonated['service_account_impersonation_url'])).pathname
    assert.equal((await gcs.post(lend)).status, 401)
    const lent = await new GcsCalls(server.endpoint, bearer(refreshed.json['access_token'])).post(lend)
    assert.equal((await gcs.get('/storage/v1/b/test', bearer(lent.json['accessToken']))).status, 200)
  })

  it('lets everybody read a public bucket, and write nothing', async () => {
    const [server, gcs] = await start({ buckets: [{ name: 'open', publicRead: true }] })
    await server.put('open', 'a', 'x')
    assert.deepEqual([(await gcs.media('open', 'a')).status, (await gcs.get('/storage/v1/b/open/o')).status, (await gcs.get('/storage/v1/b/open')).status], [200, 200, 401])
    assert.equal((await gcs.insert('open', 'b', 'x')).status, 401)
  })

  it('asks who pays', async () => {
    const [server, gcs] = await start({ anonymous: true, buckets: [{ name: 'paid', requesterPays: true }] })
    await server.put('paid', 'a', 'x')
    const refused = await gcs.info('paid', 'a')
    assert.deepEqual([refused.status, reasonOf(refused)], [400, 'required'])
    assert.equal((await gcs.info('paid', 'a', '?userProject=p')).status, 200)
    assert.deepEqual([...await gcs.batch([['DELETE', object('paid', 'a')], ['DELETE', `${object('paid', 'a')}?userProject=p`]])], [['0', 400], ['1', 204]])
  })

  it('checks each part of a batch by the outer token', async () => {
    const [server, gcs] = await start()
    await server.put('test', 'a', 'x')
    assert.deepEqual([...await gcs.batch([['DELETE', object('test', 'a')]])], [['0', 401]])
    assert.deepEqual([...await new GcsCalls(server.endpoint, bearer(server.accessToken)).batch([['DELETE', object('test', 'a')]])], [['0', 204]])
  })

  it('asks no token of who knows the session of an upload', async () => {
    const [server, gcs] = await start()
    const session = await new GcsCalls(server.endpoint, bearer(server.accessToken)).begin('test', 'up')
    assert.equal((await gcs.chunk(session, 'bytes 0-0/1', 'x')).status, 200)
  })

  describe('signed URLs', () => {
    interface Signing {
      readonly method?: string
      readonly path?: string
      readonly seconds?: number
      readonly from?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly blob?: boolean
    }

    async function sign (server: GcsServer, gcs: GcsCalls, { method = 'GET', path = '/test/a%20b', seconds = 60, from = Date.now(), headers = {}, blob = false }: Signing = {}): Promise<string> {
      const { serviceAccount: { client_email: email, private_key: key } } = await server.credentials()
      const date = new Date(from).toISOString().replace(/[-:]|\.\d+/g, '')
      const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`
      const all = { host: `127.0.0.1:${server.port}`, ...headers }
      const names = Object.keys(all).sort()
      const query = Object.entries({
        'X-Goog-Algorithm': 'GOOG4-RSA-SHA256', 'X-Goog-Credential': `${email}/${scope}`, 'X-Goog-Date': date, 'X-Goog-Expires': String(seconds), 'X-Goog-SignedHeaders': names.join(';')
      }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
      const canonical = [method, path, query, ...names.map(name => `${name}:${all[name as keyof typeof all]}`), '', names.join(';'), 'UNSIGNED-PAYLOAD'].join('\n')
      const text = ['GOOG4-RSA-SHA256', date, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
      const signature = blob
        ? Buffer.from(String((await gcs.call('POST', `/v1/projects/-/serviceAccounts/${email}:signBlob`, {
            body: JSON.stringify({ payload: Buffer.from(text).toString('base64') }), headers: bearer(server.accessToken)
          })).json['signedBlob']), 'base64').toString('hex')
        : createSign('RSA-SHA256').update(text).sign(key, 'hex')
      return `${path}?${query}&X-Goog-Signature=${signature}`
    }

    it('read, write and delete one object without a token', async () => {
      const [server, gcs] = await start()
      const headers = { 'content-type': 'text/w', 'x-goog-meta-k': 'v' }
      const put = await gcs.call('PUT', await sign(server, gcs, { method: 'PUT', headers }), { body: 'signed', headers })
      assert.deepEqual([put.status, put.headers['x-goog-generation']], [200, await server.generation('test', 'a b')])
      for (const target of [await sign(server, gcs), await sign(server, gcs, { blob: true })]) {
        const got = await gcs.get(target, { range: 'bytes=1-3' })
        assert.deepEqual([got.status, got.body.toString(), got.headers['content-type'], got.headers['x-goog-meta-k']], [206, 'ign', 'text/w', 'v'])
      }
      assert.equal((await gcs.call('HEAD', await sign(server, gcs, { method: 'HEAD' }))).headers['content-length'], '6')
      assert.equal((await gcs.call('DELETE', await sign(server, gcs, { method: 'DELETE' }))).status, 204)
      const missing = await gcs.get(await sign(server, gcs))
      assert.deepEqual([missing.status, /<Code>(\w+)/.exec(missing.body.toString())?.[1]], [404, 'NoSuchKey'])
    })

    it('are refused for another verb, object or header, when forged, and before and after their time', async () => {
      const [server, gcs] = await start()
      await server.put('test', 'a b', 'x')
      const good = await sign(server, gcs)
      const cases: readonly (readonly [string, string, Readonly<Record<string, string>>, number, string])[] = [
        ['PUT', good, {}, 403, 'SignatureDoesNotMatch'], ['GET', good.replace('a%20b', 'c'), {}, 403, 'SignatureDoesNotMatch'],
        ['GET', good.replace('Expires=60', 'Expires=90'), {}, 403, 'SignatureDoesNotMatch'], ['GET', good.slice(0, -4) + '0000', {}, 403, 'SignatureDoesNotMatch'],
        ['GET', good, { 'x-goog-meta-k': 'v' }, 400, 'MalformedSecurityHeader'], ['GET', await sign(server, gcs, { from: Date.now() - 61_000 }), {}, 400, 'ExpiredToken'],
        ['GET', await sign(server, gcs, { from: Date.now() + 3600_000 }), {}, 403, 'AccessDenied'], ['GET', await sign(server, gcs, { seconds: 700_000 }), {}, 400, 'AuthenticationQueryParametersError']
      ]
      for (const [method, target, headers, status, code] of cases) {
        const reply = await gcs.call(method, target, { headers })
        assert.deepEqual([reply.status, /<Code>(\w+)/.exec(reply.body.toString())?.[1]], [status, code])
      }
      assert.equal((await gcs.get('/test/a%20b')).status, 401)
    })
  })
})
