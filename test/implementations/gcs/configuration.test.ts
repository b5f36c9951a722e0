import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { filesystem, revive } from '../../../lib/index.js'
import { startGcsServer } from '../../servers/index.js'
import type { GcsServer } from '../../servers/index.js'
import { code, hasPeer, optionsOf } from './support.js'

interface Sent { readonly $forkfs: { readonly options: Record<string, unknown>, readonly withheld?: Record<string, unknown> } }
interface Outcome { readonly text?: string, readonly again?: number, readonly code?: string, readonly descriptor?: Sent, readonly loaded?: readonly string[] }

const path = 'test/key'

describe('GCS: configuration', function () {
  this.timeout(30_000)
  let server: GcsServer
  let strict: GcsServer
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    server = await startGcsServer()
    strict = await startGcsServer({ anonymous: false, buckets: ['test', { name: 'public', publicRead: true }] })
    await server.put('test', 'key', 'open')
    await strict.put('test', 'key', 'private')
    await strict.put('public', 'key', 'public')
  })
  after(async () => {
    await server.close()
    await strict.close()
    await rm(folder, { recursive: true })
  })

  async function run (input: object, env: Record<string, string> = {}, sdk = false): Promise<Outcome> {
    const program = fileURLToPath(new URL('./fixtures/configured.child.js', import.meta.url))
    const hook = new URL('./fixtures/without-sdk.js', import.meta.url).href
    const base = { PATH: process.env['PATH']!, HOME: folder, NODE_PATH: process.env['NODE_PATH'] ?? '', NODE_NO_WARNINGS: '1', METADATA_SERVER_DETECTION: 'none', ...env }
    const child = spawn(process.execPath, [...(sdk ? [] : ['--import', hook]), program], { env: base, stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify(input))
    return JSON.parse(await text(child.stdout)) as Outcome
  }

  describe('the endpoint', () => {
    it('G28: is taken from STORAGE_EMULATOR_HOST however that is written', async () => {
      const { host, port, endpoint } = server
      for (const value of [`${host}:${port}`, `localhost:${port}`, endpoint, `${endpoint}/`, `${endpoint}/storage/v1`, `${endpoint}/storage/v1/`]) {
        const { text: read, descriptor } = await run({ path }, { STORAGE_EMULATOR_HOST: value })
        assert.equal(read, 'open', value)
        assert.match(String(descriptor!.$forkfs.options['apiEndpoint']), /^http:\/\/(?:127\.0\.0\.1|localhost):\d+$/)
      }
    })

    it('G28: is the explicit one before all, then FORKFS_GS_API_ENDPOINT; a worker without the variable reaches the same server', async () => {
      const wrong = { STORAGE_EMULATOR_HOST: '127.0.0.1:1' }
      const outcome = await run({ path, options: { apiEndpoint: server.endpoint } }, wrong)
      assert.equal(outcome.text, 'open')
      assert.equal((await run({ path }, { ...wrong, FORKFS_GS_API_ENDPOINT: server.endpoint })).text, 'open')
      assert.equal((await run({ path, descriptor: outcome.descriptor }, wrong)).text, 'open')
      const { descriptor } = await run({ path }, { STORAGE_EMULATOR_HOST: server.endpoint })
      assert.equal((await run({ path, descriptor })).text, 'open')
    })

    it('is refused when it is malformed, without repeating a password', async () => {
      for (const apiEndpoint of ['ftp://host', 'http://u:secret@host', 'http://host/path', 'http://host/?a=b', 'http://host#x', 'http://']) {
        assert.throws(() => new GcsFileSystem({ apiEndpoint }), (error: Error) => error instanceof TypeError && !error.message.includes('secret'), apiEndpoint)
      }
      assert.equal((await run({ path }, { STORAGE_EMULATOR_HOST: 'http://host/path' })).code, 'FORKFS_CONFIG')
      assert.throws(() => new GcsFileSystem({ universeDomain: 'no domain/' }), TypeError)
    })

    it('default, or an empty STORAGE_EMULATOR_HOST, is Google\'s, or that of another universe', () => {
      const endpointOf = (options: object, env: Record<string, string>): string => {
        const before = { ...process.env }
        Object.assign(process.env, env)
        try {
          const described = new GcsFileSystem({ credentials: 'anonymous', ...options }).toJSON() as unknown as Sent
          return String(described.$forkfs.options['apiEndpoint'] ?? described.$forkfs.options['universeDomain'])
        } finally {
          for (const name of Object.keys(env)) if (before[name] === undefined) delete process.env[name]; else process.env[name] = before[name]
        }
      }
      assert.equal(endpointOf({}, { STORAGE_EMULATOR_HOST: 'default' }), 'googleapis.com')
      assert.equal(endpointOf({}, { STORAGE_EMULATOR_HOST: '', GOOGLE_CLOUD_UNIVERSE_DOMAIN: 'example.test' }), 'example.test')
      assert.equal(endpointOf({ universeDomain: 'other.test' }, { GOOGLE_CLOUD_UNIVERSE_DOMAIN: 'example.test' }), 'other.test')
      assert.equal(endpointOf({ apiEndpoint: '[::1]:4443' }, {}), 'https://[::1]:4443')
    })
  })

  describe('credentials', () => {
    it('G29: are not looked for on a custom endpoint; neither SDK nor google-auth-library is loaded', async () => {
      const outcome = await run({ path, options: { apiEndpoint: server.endpoint } }, { GOOGLE_APPLICATION_CREDENTIALS: '/nowhere.json' }, true)
      assert.deepEqual([outcome.text, outcome.loaded], ['open', []])
      const anonymous = await run({ path: 'public/key', options: { apiEndpoint: strict.endpoint, credentials: 'anonymous' } }, {}, true)
      assert.deepEqual([anonymous.text, anonymous.loaded], ['public', []])
    })

    it('G27: are never replaced by none: what is missing is said', async () => {
      assert.equal((await run({ path, options: { apiEndpoint: strict.endpoint } })).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path, options: { apiEndpoint: strict.endpoint, credentials: 'anonymous' } })).code, 'FORKFS_CREDENTIALS')
    })

    it('G29: of Google\'s kinds name the package where it is not installed', async () => {
      const { serviceAccount } = await strict.credentials()
      const trusted = { apiEndpoint: strict.endpoint, useAuthWithCustomEndpoint: true }
      assert.equal((await run({ path, options: { ...trusted, credentials: serviceAccount } })).code, 'FORKFS_MISSING_PEER')
      assert.equal((await run({ path, options: trusted })).code, 'FORKFS_MISSING_PEER')
    })

    it('come from a module, also where its name travelled, and then without the SDK', async () => {
      const module = join(folder, 'token.mjs')
      await writeFile(module, `export default async () => (${JSON.stringify({ token: strict.accessToken })})`)
      const outcome = await run({ path, options: { apiEndpoint: strict.endpoint, useAuthWithCustomEndpoint: true, credentialsModule: module } })
      assert.equal(outcome.text, 'private')
      assert.equal((await run({ path, descriptor: outcome.descriptor }, { STORAGE_EMULATOR_HOST: '127.0.0.1:1' })).text, 'private')
      assert.throws(() => { revive(outcome.descriptor) }, code('FORKFS_NOT_ALLOWED'))
      assert.ok(!JSON.stringify(outcome.descriptor).includes(strict.accessToken))
      assert.equal((await run({ path, options: { apiEndpoint: strict.endpoint, credentialsModule: module } })).code, 'FORKFS_CREDENTIALS') // not trusted: no token is sent
    })

    it('G27: go to no endpoint in clear but this machine\'s', () => {
      const credentials = { client_email: 'a@b', private_key: 'x' }
      assert.throws(() => new GcsFileSystem({ apiEndpoint: 'http://storage.example', useAuthWithCustomEndpoint: true, credentials }), code('FORKFS_CONFIG'))
      assert.equal(new GcsFileSystem({ apiEndpoint: 'https://storage.example', useAuthWithCustomEndpoint: true, credentials }).protocol, 'gs')
    })

    it('are refused when they are half a key, or more than one', () => {
      assert.throws(() => new GcsFileSystem({ credentials: { client_email: 'a@b' } as never }), code('FORKFS_CREDENTIALS'))
      assert.throws(() => new GcsFileSystem({ credentials: { client_email: 'a@b', private_key: 7 } as never }), (error: Error) => error instanceof TypeError && !error.message.includes('7'))
      assert.throws(() => new GcsFileSystem({ credentials: 'anonymous', keyFilename: 'x' }), TypeError)
    })
  })

  describe('with google-auth-library (needs @google-cloud/storage)', () => {
    before(function () { if (!hasPeer()) this.skip() })
    const trusted = (): object => ({ apiEndpoint: strict.endpoint, useAuthWithCustomEndpoint: true })

    it('G27: a service account key and a key file read, and sign for themselves: no request for a token', async () => {
      const { serviceAccount } = await strict.credentials()
      await strict.resetCounters()
      const file = join(folder, 'key.json')
      await writeFile(file, JSON.stringify(serviceAccount))
      const { client_email, private_key } = serviceAccount
      for (const options of [{ credentials: { client_email, private_key } }, { keyFilename: file }]) {
        const outcome = await run({ path, options: { ...trusted(), ...options } }, {}, true)
        assert.deepEqual([outcome.text, outcome.loaded], ['private', ['google-auth-library']])
        assert.ok(!JSON.stringify(outcome.descriptor).includes('PRIVATE'))
      }
      assert.equal((await strict.counters()).operations['token'], undefined)
    })

    it('G27: GOOGLE_APPLICATION_CREDENTIALS and workload identity federation read', async () => {
      const { serviceAccount, externalAccount } = await strict.credentials()
      for (const [name, credentials] of Object.entries({ key: serviceAccount, federated: externalAccount })) {
        const file = join(folder, `${name}.json`)
        await writeFile(file, JSON.stringify(credentials))
        assert.equal((await run({ path, options: trusted() }, { GOOGLE_APPLICATION_CREDENTIALS: file }, true)).text, 'private', name)
      }
    })

    it('G27: the metadata server gives tokens', async () => {
      const env = { GCE_METADATA_HOST: `${strict.host}:${strict.port}`, METADATA_SERVER_DETECTION: 'assume-present' }
      assert.equal((await run({ path, options: trusted() }, env, true)).text, 'private')
      assert.ok((await strict.counters()).operations['metadata.get']! > 0)
    })

    it('G27: without any the places are named; a broken key is no anonymous access', async () => {
      assert.equal((await run({ path, options: trusted() }, {}, true)).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path, options: { ...trusted(), credentials: { client_email: 'a@b', private_key: 'broken' } } }, {}, true)).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path, options: { ...trusted(), keyFilename: '/nowhere.json' } }, {}, true)).code, 'FORKFS_CREDENTIALS')
    })

    it('G25: a receiver does not act as somebody else, and acts as its sender with shareCredentials', async () => {
      const { serviceAccount } = await strict.credentials()
      const { client_email, private_key } = serviceAccount
      const fs = new GcsFileSystem({ ...trusted(), credentials: { client_email, private_key } })
      const other = join(folder, 'other.json')
      await writeFile(other, JSON.stringify({ ...serviceAccount, client_email: 'other@example.test' }))
      assert.equal((await run({ path, descriptor: fs.toJSON() }, { GOOGLE_APPLICATION_CREDENTIALS: other }, true)).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path, descriptor: fs.toJSON() }, {}, true)).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path, sign: true, descriptor: fs.toJSON() }, { GOOGLE_APPLICATION_CREDENTIALS: other }, true)).code, 'FORKFS_CREDENTIALS')
      const same = join(folder, 'key.json')
      await writeFile(same, JSON.stringify(serviceAccount))
      assert.equal((await run({ path, sign: true, descriptor: fs.toJSON() }, { GOOGLE_APPLICATION_CREDENTIALS: same }, true)).text, 'private')
      assert.equal((await run({ path, descriptor: fs.toJSON({ credentials: true }) }, {}, true)).text, 'private')
    })

    it('G25: the account of a key file has a name too: another one in its place, or in the environment, is refused', async () => {
      const { serviceAccount } = await strict.credentials()
      const [same, other] = [join(folder, 'same.json'), join(folder, 'another.json')]
      await writeFile(other, JSON.stringify({ ...serviceAccount, client_email: 'other@example.test' }))
      for (const [options, env] of [[{ keyFilename: same }, {}], [{}, { GOOGLE_APPLICATION_CREDENTIALS: same }]] as const) {
        await writeFile(same, JSON.stringify(serviceAccount))
        const { descriptor } = await run({ path, options: { ...trusted(), ...options } }, env, true)
        assert.equal(descriptor!.$forkfs.withheld!['account'], serviceAccount['client_email'])
        assert.equal((await run({ path, descriptor }, env, true)).text, 'private')
        await writeFile(same, JSON.stringify({ ...serviceAccount, client_email: 'other@example.test' }))
        assert.equal((await run({ path, descriptor }, { GOOGLE_APPLICATION_CREDENTIALS: other }, true)).code, 'FORKFS_CREDENTIALS')
      }
    })

    it('signs URLs that work without credentials', async () => {
      const { serviceAccount: { client_email, private_key } } = await strict.credentials()
      const fs = new GcsFileSystem({ ...trusted(), credentials: { client_email, private_key } })
      const url = await fs.sign('test/a b#1', { method: 'PUT', expiresSeconds: 60 })
      const written = await fetch(url, { method: 'PUT', body: 'by URL' })
      assert.equal(written.status, 200, await written.text())
      const read = await fetch(await fs.sign('test/a b#1', { expiresSeconds: 60 }))
      assert.equal(await read.text(), 'by URL')
      const forged = await fetch((await fs.sign('test/a b#1')).replace(/Signature=../, 'Signature=00'))
      await forged.arrayBuffer()
      assert.equal(forged.status, 403)
      await fs.close()
    })
  })

  it('signs nothing without a key', async () => {
    const fs = new GcsFileSystem(optionsOf(server))
    assert.equal(fs.capabilities.sign, false)
    await assert.rejects(fs.sign(path), code('FORKFS_NOT_SUPPORTED'))
    await fs.close()
  })

  it('uses a dispatcher of the caller\'s, which does not travel and is not closed', async () => {
    const agent = new Agent()
    const fs = new GcsFileSystem({ ...optionsOf(server), dispatcher: agent as never })
    assert.equal(await fs.readText(path), 'open')
    await fs.close()
    assert.throws(() => { structuredClone(fs) }, code('FORKFS_UNCLONEABLE'))
    assert.equal((agent as unknown as { closed: boolean }).closed, false)
    await agent.close()
  })

  it('wants to know whose buckets to list at Google', async () => {
    const module = join(folder, 'none.mjs')
    await writeFile(module, 'export default async () => ({ token: "x" })')
    const fs = filesystem('gs', { credentialsModule: module, apiEndpoint: 'https://storage.googleapis.com', fresh: true })
    await assert.rejects(fs.ls(''), code('FORKFS_CONFIG'))
    await assert.rejects(fs.mkdir('some-bucket'), code('FORKFS_CONFIG'))
  })

  it('refuses what is no option, and a transport without use for what it is given', () => {
    assert.throws(() => new GcsFileSystem({ endpoint: 'x' }), TypeError)
    assert.throws(() => new GcsFileSystem({ transport: 'direct', dispatcher: { dispatch: () => true } as never }), TypeError)
  })
})
