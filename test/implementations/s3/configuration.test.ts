import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import { filesystem, revive } from '../../../lib/index.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server } from '../../servers/index.js'
import { code, optionsOf } from './support.js'

interface Sent { readonly $forkfs: { readonly options: Record<string, unknown>, readonly withheld?: Record<string, unknown> } }
interface Outcome { readonly text?: string, readonly again?: number, readonly code?: string, readonly descriptor?: Sent }

const session = { accessKeyId: 'ASIATEMPORARY', secretAccessKey: 'temporary-secret', sessionToken: 'token' }

describe('S3: configuration', function () {
  this.timeout(30_000)
  let server: S3Server
  let folder: string
  let keys: Record<string, string>
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-test-'))
    server = await startS3Server({ region: 'eu-west-1', buckets: ['test', { name: 'public', publicRead: true }], credentials: [{ accessKeyId: 'AKIATEST', secretAccessKey: 'test-secret' }, session] })
    await server.put('test', 'key', 'private')
    await server.put('public', 'key', 'public')
    keys = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey }
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  async function run (input: object, env: Record<string, string>, sdk: boolean): Promise<Outcome> {
    const program = fileURLToPath(new URL('./fixtures/configured.child.js', import.meta.url))
    const hook = new URL('./fixtures/without-sdk.js', import.meta.url).href
    const base = { PATH: process.env['PATH']!, HOME: folder, NODE_NO_WARNINGS: '1', AWS_EC2_METADATA_DISABLED: 'true', ...env }
    const child = spawn(process.execPath, [...(sdk ? [] : ['--import', hook]), program], { env: base, stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(JSON.stringify(input))
    const output = await text(child.stdout)
    return JSON.parse(output) as Outcome
  }
  const path = 'test/key'

  describe('without the SDK', () => {
    it('takes everything from the environment', async () => {
      const region = { AWS_REGION: 'eu-west-1' }
      assert.equal((await run({ path }, { ...keys, ...region, AWS_ENDPOINT_URL: server.endpoint }, false)).text, 'private')
      assert.equal((await run({ path }, { ...keys, AWS_DEFAULT_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ENDPOINT_URL_S3: server.endpoint }, false)).text, 'private')
      assert.equal((await run({ path }, { AWS_ACCESS_KEY_ID: session.accessKeyId, AWS_SECRET_ACCESS_KEY: session.secretAccessKey, AWS_SESSION_TOKEN: session.sessionToken, ...region, AWS_ENDPOINT_URL: server.endpoint }, false)).text, 'private')
    })

    it('takes options before the environment, of its own variables too', async () => {
      const env = { AWS_ACCESS_KEY_ID: 'no', AWS_SECRET_ACCESS_KEY: 'no', AWS_REGION: 'us-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }
      assert.equal((await run({ path, options: optionsOf(server) }, env, false)).text, 'private')
      assert.equal((await run({ path }, { ...keys, FORKFS_S3_ENDPOINT: server.endpoint, FORKFS_S3_REGION: 'eu-west-1' }, false)).text, 'private')
    })

    it('reads public data anonymously, whatever keys are around', async () => {
      assert.equal((await run({ path: 'public/key', options: { credentials: 'anonymous', endpoint: server.endpoint, region: 'eu-west-1' } }, { AWS_PROFILE: 'none' }, false)).text, 'public')
    })

    it('says what to install where only the SDK knows', async () => {
      assert.equal((await run({ path, options: { profile: 'any', endpoint: server.endpoint } }, {}, false)).code, 'FORKFS_MISSING_PEER')
      assert.equal((await run({ path, options: { endpoint: server.endpoint } }, {}, false)).code, 'FORKFS_MISSING_PEER')
    })

    it('takes keys from a module, also where its name travelled', async () => {
      const module = join(folder, 'keys.mjs')
      await writeFile(module, `export default async () => (${JSON.stringify(session)})`)
      const outcome = await run({ path, options: { credentialsModule: module, endpoint: server.endpoint, region: 'eu-west-1' } }, {}, false)
      assert.equal(outcome.text, 'private')
      assert.equal((await run({ path, descriptor: outcome.descriptor }, { AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'us-west-1' }, false)).text, 'private')
      assert.throws(() => { revive(outcome.descriptor) }, code('FORKFS_NOT_ALLOWED'))
    })

    it('refuses half a pair of keys, a malformed endpoint and region', async () => {
      assert.equal((await run({ path }, { AWS_ACCESS_KEY_ID: 'x' }, false)).code, 'FORKFS_CREDENTIALS')
      assert.equal((await run({ path }, { ...keys, AWS_ENDPOINT_URL: 'nonsense' }, false)).code, 'FORKFS_CONFIG')
      assert.equal((await run({ path }, { ...keys, AWS_REGION: 'a/b' }, false)).code, 'FORKFS_CONFIG')
    })
  })

  describe('with the SDK', () => {
    let metadata: Server
    let place: string
    before(async () => {
      const expiration = new Date(Date.now() + 3600_000).toISOString()
      const json = JSON.stringify({ Code: 'Success', AccessKeyId: session.accessKeyId, SecretAccessKey: session.secretAccessKey, Token: session.sessionToken, Expiration: expiration })
      const replies: Record<string, string> = {
        '/latest/api/token': 'metadata-token', '/latest/meta-data/iam/security-credentials/': 'role', '/latest/meta-data/iam/security-credentials/role': json, '/keys': json
      }
      const xml = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${session.accessKeyId}</AccessKeyId>` +
        `<SecretAccessKey>${session.secretAccessKey}</SecretAccessKey><SessionToken>${session.sessionToken}</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`
      metadata = createServer((request, response) => {
        const reply = replies[request.url!]
        request.resume().on('end', () => { response.writeHead(200).end(request.method === 'POST' ? xml : reply) })
      }).listen(0, '127.0.0.1')
      await once(metadata, 'listening')
      place = `http://127.0.0.1:${(metadata.address() as AddressInfo).port}`
    })
    after(() => { metadata.close() })
    const options = (): object => ({ endpoint: server.endpoint, region: 'eu-west-1' })

    it('takes keys, region and endpoint from a profile, which travels by its name', async () => {
      const files = { AWS_CONFIG_FILE: join(folder, 'config'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials') }
      await writeFile(files.AWS_CONFIG_FILE, `[profile work]\nregion = eu-west-1\nendpoint_url = ${server.endpoint}\n`)
      await writeFile(files.AWS_SHARED_CREDENTIALS_FILE, `[work]\naws_access_key_id = ${server.accessKeyId}\naws_secret_access_key = ${server.secretAccessKey}\n`)
      const outcome = await run({ path }, { ...files, AWS_PROFILE: 'work' }, true)
      assert.equal(outcome.text, 'private')
      assert.ok(!JSON.stringify(outcome.descriptor).includes(server.secretAccessKey))
      assert.equal(outcome.descriptor!.$forkfs.options['profile'], 'work')
      assert.equal((await run({ path, descriptor: outcome.descriptor }, { ...files, AWS_PROFILE: 'work' }, true)).text, 'private')
    })

    it('takes keys from instance metadata', async () => {
      assert.equal((await run({ path, options: options() }, { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: place }, true)).text, 'private')
    })

    it('takes keys from a container', async () => {
      assert.equal((await run({ path, options: options() }, { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${place}/keys` }, true)).text, 'private')
    })

    it('takes keys for a web identity', async () => {
      const file = join(folder, 'web-token')
      await writeFile(file, 'web-token')
      const env = { AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/test', AWS_ENDPOINT_URL_STS: place, AWS_REGION: 'eu-west-1' }
      assert.equal((await run({ path, options: options() }, env, true)).text, 'private')
    })

    it('finds nothing where nothing is', async () => {
      assert.equal((await run({ path, options: options() }, {}, true)).code, 'FORKFS_CREDENTIALS')
    })
  })

  describe('descriptors', () => {
    it('keep the secrets at home, and name the identity', async () => {
      const fs = filesystem('s3', optionsOf(server) as never)
      const sent = structuredClone(fs) as unknown as NonNullable<Outcome['descriptor']>
      assert.ok(!JSON.stringify(sent).includes(server.secretAccessKey))
      assert.deepEqual(sent.$forkfs.withheld, { settled: true, accessKeyId: server.accessKeyId })
      assert.equal((await run({ path, descriptor: sent }, { ...keys, AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_REGION: 'us-west-1' }, false)).text, 'private')
      const other = { AWS_ACCESS_KEY_ID: session.accessKeyId, AWS_SECRET_ACCESS_KEY: session.secretAccessKey, AWS_SESSION_TOKEN: session.sessionToken }
      assert.equal((await run({ path, descriptor: sent }, other, false)).code, 'FORKFS_CREDENTIALS')
    })

    it('carry the keys where the caller shares them', async () => {
      const fs = filesystem('s3', { ...optionsOf(server), shareCredentials: true } as never)
      assert.equal((await run({ path, descriptor: structuredClone(fs) }, {}, false)).text, 'private')
      const plain = filesystem('s3', optionsOf(server) as never)
      assert.equal((await run({ path, descriptor: plain.toJSON({ credentials: true }) }, {}, false)).text, 'private')
    })

    it('carry what was resolved: another environment changes nothing', async () => {
      const outcome = await run({ path }, { ...keys, AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: server.endpoint }, false)
      const elsewhere = { ...keys, AWS_REGION: 'us-west-1', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1', FORKFS_S3_ENDPOINT: 'http://127.0.0.1:1' }
      const second = await run({ path, descriptor: outcome.descriptor }, elsewhere, false)
      assert.equal(second.text, 'private')
      assert.deepEqual(second.descriptor, outcome.descriptor)
    })

    it('are refused by an instance with a dispatcher of its own', async () => {
      const dispatcher = new Agent()
      const fs = new S3FileSystem({ ...optionsOf(server), dispatcher })
      assert.throws(() => JSON.stringify(fs), code('FORKFS_UNCLONEABLE'))
      await dispatcher.close()
    })
  })

  it('addresses buckets as hosts, through a dispatcher that it never closes', async () => {
    const dispatcher = new Agent({ connect: { lookup: (_host, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
    } } })
    const fs = new S3FileSystem({ ...optionsOf(server), endpoint: `http://s3.localhost:${server.port}`, forcePathStyle: false, dispatcher })
    await server.resetCounters()
    for (const key of ['key', 'a b/%41//c', '?', '.x']) {
      await fs.pipeFile(`test/hosted/${key}`, key)
      assert.equal(await fs.readText(`test/hosted/${key}`), key)
    }
    assert.equal((await fs.find('test/hosted')).length, 4)
    const hosts = new Set((await server.requests()).map(({ rawHeaders }) => rawHeaders[rawHeaders.findIndex(name => name.toLowerCase() === 'host') + 1]))
    assert.deepEqual([...hosts], [`test.s3.localhost:${server.port}`])
    await fs.close()
    assert.equal(await fs.readText('test/hosted/key'), 'key')
    await dispatcher.close()
  })

  it('refuses what it does not know or has not', () => {
    assert.throws(() => new S3FileSystem({ endpont: 'x' } as never), TypeError)
    assert.throws(() => new S3FileSystem({ endpoint: 'ftp://x' }), TypeError)
    assert.throws(() => new S3FileSystem({ endpoint: server.endpoint, transport: 'direct', dispatcher: { dispatch: () => true } as never }), TypeError)
    assert.throws(() => new S3FileSystem({ credentials: { accessKeyId: 'x' } as never }), code('FORKFS_CREDENTIALS'))
  })

  it('refuses directory buckets and ARNs of AWS, which need the SDK whole', async () => {
    const fs = new S3FileSystem({ region: 'eu-west-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } })
    for (const bucket of ['name--euw1-az1--x-s3', 'arn:aws:s3:eu-west-1:123456789012:accesspoint/name']) await assert.rejects(fs.info(`${bucket}/key`), code('FORKFS_NOT_SUPPORTED'))
    assert.equal(fs.stats.requests, 0)
  })
})
