import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { isFsError } from '../../../lib/errors/fs-error.js'
import { credentialSource, givenCredentials, S3CredentialSource } from '../../../implementations/s3/credentials.js'
import { sentIdentity } from '../../../implementations/s3/identity.js'
import type { Credentials } from '../../../implementations/s3/sign.js'

const run = promisify(execFile)
const MINUTE = 60_000

function keys (name: string, expiresAt?: number): Credentials {
  return { accessKeyId: name, secretAccessKey: `secret of ${name}`, ...(expiresAt === undefined ? {} : { expiration: new Date(expiresAt) }) }
}

describe('S3CredentialSource', () => {
  it('asks once for all who wait, and not again while the keys are fresh', async () => {
    let asked = 0
    let give: (value: Credentials) => void = () => {}
    const source = new S3CredentialSource(() => { asked++; return new Promise<Credentials>(resolve => { give = resolve }) })
    const waiting = Promise.all([source.get(), source.get(), source.get()])
    assert.equal(source.peek(), undefined)
    give(keys('a'))
    assert.deepEqual((await waiting).map(found => found?.accessKeyId), ['a', 'a', 'a'])
    assert.equal((await source.get())?.accessKeyId, 'a')
    assert.equal(source.peek()?.accessKeyId, 'a')
    assert.equal(asked, 1)
  })

  it('renews five minutes before the end, and lives with a failure until then', async () => {
    let now = 0
    let asked = 0
    const answers: (Credentials | Error)[] = [keys('a', 60 * MINUTE), new Error('down'), new Error('down'), keys('b', 120 * MINUTE)]
    const source = new S3CredentialSource(() => {
      const answer = answers[asked++]!
      if (answer instanceof Error) throw answer
      return answer
    }, { now: () => now })
    const at = async (minute: number): Promise<string | undefined> => { now = minute * MINUTE; return (await source.get())?.accessKeyId }
    assert.equal(await at(0), 'a')
    assert.equal(await at(54), 'a')
    assert.equal(asked, 1)
    assert.equal(await at(56), 'a')
    assert.equal(await at(56), 'a')
    assert.equal(asked, 2, 'a failure is not repeated for every request')
    await assert.rejects(at(61), (error: unknown) => isFsError(error, 'FORKFS_CREDENTIALS') && (error.cause as Error).message === 'down')
    assert.equal(await at(61), 'b', 'a failure is not remembered')
  })

  it('does not ask for every request when the provider has nothing newer', async () => {
    let asked = 0
    const source = new S3CredentialSource(() => { asked++; return keys('a', 4 * MINUTE) }, { now: () => 0 })
    for (let i = 0; i < 5; i++) await source.get()
    assert.equal(asked, 2)
  })

  it('asks once more after the store refused the keys, together for all who were refused', async () => {
    let asked = 0
    const source = new S3CredentialSource(() => keys(`k${++asked}`))
    const first = await source.get()
    assert.deepEqual(await Promise.all([source.refresh(first), source.refresh(first)]), [true, true])
    assert.equal(asked, 2)
    assert.equal(await source.refresh(first), true, 'somebody else has refreshed already')
    assert.equal(asked, 2)
    assert.equal((await source.get())?.accessKeyId, 'k2')
  })

  it('says that another try is in vain when the provider gives the same again', async () => {
    let asked = 0
    const source = new S3CredentialSource(() => { asked++; return keys('a') })
    const first = await source.get()
    assert.equal(await source.refresh(first), false)
    assert.equal(await source.refresh(first), false)
    assert.equal(asked, 2)
  })

  it('rejects with ETIMEDOUT when a provider never answers, and asks anew afterwards', async () => {
    let asked = 0
    const source = new S3CredentialSource(() => asked++ === 0 ? new Promise(() => {}) : keys('a'), { timeoutMs: 20 })
    await assert.rejects(source.get(), (error: unknown) => isFsError(error, 'ETIMEDOUT'))
    assert.equal((await source.get())?.accessKeyId, 'a')
  })

  it('rejects what is no pair of keys', async () => {
    for (const bad of [{}, { accessKeyId: 'a' }, 7, null, { ...keys('a'), expiration: new Date(Number.NaN) }]) {
      await assert.rejects(new S3CredentialSource(() => bad as Credentials).get(), (error: unknown) => isFsError(error, 'FORKFS_CREDENTIALS'))
    }
  })
})

describe('credentialSource()', () => {
  it('gives none, static ones, and those of the environment', async () => {
    assert.equal(await credentialSource({ kind: 'anonymous' }).get(), undefined)
    assert.deepEqual(await credentialSource({ kind: 'static', credentials: keys('a') }).get(), keys('a'))
    const env: Record<string, string> = { AWS_ACCESS_KEY_ID: 'e', AWS_SECRET_ACCESS_KEY: 's', AWS_SESSION_TOKEN: 't' }
    const source = credentialSource({ kind: 'environment' }, { env })
    const first = await source.get()
    assert.deepEqual(first, { accessKeyId: 'e', secretAccessKey: 's', sessionToken: 't' })
    env['AWS_ACCESS_KEY_ID'] = 'f'
    assert.equal(await source.refresh(first), true)
    assert.equal((await source.get())?.accessKeyId, 'f')
    env['AWS_ACCESS_KEY_ID'] = env['AWS_SECRET_ACCESS_KEY'] = ''
    await assert.rejects(credentialSource({ kind: 'environment' }, { env }).get(), (error: unknown) => isFsError(error, 'FORKFS_CREDENTIALS'))
  })

  it('asks a module', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'forkfs-keys-'))
    try {
      const write = async (name: string, text: string): Promise<string> => {
        await writeFile(join(folder, name), text)
        return pathToFileURL(join(folder, name)).href
      }
      const good = await write('good.mjs', 'export default async () => ({ accessKeyId: "m", secretAccessKey: "s", expiration: new Date("2100-01-01") })')
      assert.deepEqual(await credentialSource({ kind: 'module', module: good }).get(), { accessKeyId: 'm', secretAccessKey: 's', expiration: new Date('2100-01-01') })
      const empty = await write('empty.mjs', 'export const x = 1')
      for (const module of [empty, good.replace('good', 'missing')]) {
        await assert.rejects(credentialSource({ kind: 'module', module }).get(), (error: unknown) => isFsError(error, 'FORKFS_CONFIG'))
      }
      const failing = await write('failing.mjs', 'export default async () => { throw new Error("vault is sealed") }')
      await assert.rejects(credentialSource({ kind: 'module', module: failing }).get(), (error: unknown) => isFsError(error, 'FORKFS_CREDENTIALS') && error.cause instanceof Error)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('takes keys from a parent and asks it for newer ones', async () => {
    let now = 0
    const source = givenCredentials(keys('a', 60 * MINUTE), () => Promise.resolve(keys('b', 120 * MINUTE)), { now: () => now })
    assert.equal((await source.get())?.accessKeyId, 'a')
    now = 57 * MINUTE
    assert.equal((await source.get())?.accessKeyId, 'b')
    source.accept(keys('c'))
    assert.equal(source.peek()?.accessKeyId, 'c')
  })
})

describe('sentIdentity()', () => {
  it('names who asks without a secret, and says of keys that change what they are', () => {
    const env = { AWS_ACCESS_KEY_ID: 'e', AWS_SECRET_ACCESS_KEY: 's' }
    const session = { accessKeyId: 'a', secretAccessKey: 's', sessionToken: 't' }
    assert.deepEqual(sentIdentity({ kind: 'static', credentials: keys('a') }), { accessKeyId: 'a' })
    assert.deepEqual(sentIdentity({ kind: 'static', credentials: session }), { accessKeyId: 'a' })
    assert.deepEqual(sentIdentity({ kind: 'environment' }, env), { accessKeyId: 'e' })
    assert.deepEqual(sentIdentity({ kind: 'environment' }, { ...env, AWS_SESSION_TOKEN: 't' }), { keys: 'temporary' })
    assert.deepEqual(sentIdentity({ kind: 'sdk' }), { keys: 'chain' })
    for (const plan of [{ kind: 'anonymous' }, { kind: 'sdk', profile: 'p' }, { kind: 'module', module: 'm' }] as const) assert.deepEqual(sentIdentity(plan, env), {})
  })
})

describe('the chain of the AWS SDK', function () {
  this.timeout(60_000)
  let folder = ''
  const child = fileURLToPath(new URL('./fixtures/resolve.child.js', import.meta.url))

  interface Answer {
    readonly credentials?: { readonly accessKeyId: string, readonly sessionToken?: string, readonly expiration?: string }
    readonly settings?: { readonly region?: string, readonly endpoint?: string }
    readonly refreshed?: boolean
    readonly after?: { readonly accessKeyId: string }
    readonly code?: string
    readonly cause?: string
  }

  /** Resolve in a process whose environment holds nothing but what is given. */
  async function inChild (env: Readonly<Record<string, string>>, options: object = {}, rewrite?: string): Promise<Answer> {
    const { PATH = '' } = process.env
    const files = { AWS_CONFIG_FILE: join(folder, 'config'), AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'), HOME: folder }
    const { stdout } = await run(process.execPath, [child, JSON.stringify(options), ...(rewrite === undefined ? [] : [rewrite])], {
      env: { PATH, AWS_EC2_METADATA_DISABLED: 'true', ...files, ...env }, timeout: 30_000
    })
    return JSON.parse(stdout) as Answer
  }

  async function serving<T> (listener: RequestListener, use: (origin: string) => Promise<T>): Promise<T> {
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }

  const pair = (name: string): string => `aws_access_key_id = ${name}\naws_secret_access_key = secret\n`

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'forkfs-aws-'))
    await writeFile(join(folder, 'config'), '[default]\nregion = eu-west-1\n[profile store]\nregion = eu-central-1\nendpoint_url = http://localhost:9000/base\n[profile plain]\nregion = ap-south-1\n')
    await writeFile(join(folder, 'credentials'), `[store]\n${pair('STORE')}[plain]\n${pair('PLAIN')}`)
  })
  after(async () => { await rm(folder, { recursive: true, force: true }) })

  it('reads a profile named in the options', async () => {
    const { credentials, settings } = await inChild({}, { profile: 'plain' })
    assert.equal(credentials?.accessKeyId, 'PLAIN')
    assert.deepEqual(settings, { region: 'ap-south-1' })
  })

  it('reads the profile, region and endpoint that AWS_PROFILE names, also where the environment holds keys', async () => {
    const { credentials, settings } = await inChild({ AWS_PROFILE: 'store', AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 's' })
    assert.equal(credentials?.accessKeyId, 'STORE')
    assert.deepEqual(settings, { region: 'eu-central-1', endpoint: 'http://localhost:9000/base' })
  })

  it('asks the configuration file for the place when the environment holds only keys', async () => {
    const { credentials, settings } = await inChild({ AWS_ACCESS_KEY_ID: 'ENV', AWS_SECRET_ACCESS_KEY: 's' })
    assert.equal(credentials?.accessKeyId, 'ENV')
    assert.deepEqual(settings, { region: 'eu-west-1' })
  })

  it('reads a file anew after the store refused its keys', async () => {
    const path = join(folder, 'rotating')
    await writeFile(path, `[default]\n${pair('OLD')}`)
    const { credentials, refreshed, after } = await inChild({ AWS_SHARED_CREDENTIALS_FILE: path }, {}, `[default]\n${pair('NEW')}`)
    assert.deepEqual([credentials?.accessKeyId, refreshed, after?.accessKeyId], ['OLD', true, 'NEW'])
  })

  it('asks the instance metadata service', async () => {
    const expires = new Date(Date.now() + 3_600_000).toISOString()
    await serving((request, response) => {
      const path = request.url ?? ''
      if (request.method === 'PUT' && path === '/latest/api/token') response.end('TOKEN')
      else if (request.headers['x-aws-ec2-metadata-token'] !== 'TOKEN') response.writeHead(401).end()
      else if (path === '/latest/meta-data/iam/security-credentials/') response.end('role')
      else if (path === '/latest/meta-data/iam/security-credentials/role') {
        response.end(JSON.stringify({ Code: 'Success', AccessKeyId: 'INSTANCE', SecretAccessKey: 's', Token: 'session', Expiration: expires }))
      } else response.writeHead(404).end()
    }, async origin => {
      const { credentials } = await inChild({ AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: origin })
      assert.deepEqual([credentials?.accessKeyId, credentials?.sessionToken, credentials?.expiration], ['INSTANCE', 'session', expires])
    })
  })

  it('exchanges a web identity token', async () => {
    const token = join(folder, 'token')
    await writeFile(token, 'the-token')
    let sent = ''
    await serving((request, response) => {
      request.setEncoding('utf8').on('data', (chunk: string) => { sent += chunk }).on('end', () => {
        response.setHeader('content-type', 'text/xml')
        response.end('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>')
      })
    }, async origin => {
      const { credentials } = await inChild({ AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/r', AWS_ENDPOINT_URL_STS: origin })
      assert.deepEqual([credentials?.accessKeyId, credentials?.sessionToken], ['WEB', 't'])
      assert.match(sent, /WebIdentityToken=the-token/)
    })
  })

  it('rejects with FORKFS_MISSING_PEER where the SDK is not installed', async () => {
    const root = await mkdtemp(join(tmpdir(), 'forkfs-bare-'))
    try {
      await writeFile(join(root, 'package.json'), '{"type":"module"}')
      for (const part of ['lib', 'implementations/s3']) {
        await cp(fileURLToPath(new URL(`../../../${part}`, import.meta.url)), join(root, part), { recursive: true })
      }
      const script = `
        const { credentialSource } = await import(${JSON.stringify(pathToFileURL(join(root, 'implementations/s3/credentials.js')).href)})
        const anonymous = await credentialSource({ kind: 'anonymous' }).get()
        await credentialSource({ kind: 'sdk' }).get().catch(error => { console.log(error.code, anonymous) })`
      const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: root })
      assert.equal(stdout.trim(), 'FORKFS_MISSING_PEER undefined')
    } finally {
      await rm(root, { recursive: true })
    }
  })

  it('rejects with FORKFS_CREDENTIALS when nothing in the chain gives keys', async () => {
    assert.equal((await inChild({})).code, 'FORKFS_CREDENTIALS')
    assert.equal((await inChild({}, { profile: 'missing' })).code, 'FORKFS_CREDENTIALS')
  })
})
