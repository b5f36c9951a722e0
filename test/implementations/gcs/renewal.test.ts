/**
 * Tokens that end, and renewals that fail, of each kind of credentials whose tokens an emulated endpoint can give. Those of a user
 * (`authorized_user`) and of a lent service account (`impersonated_service_account`) are asked for at Google's own hosts, which the
 * file of credentials can not move: what is theirs alone is google-auth-library's matter, what is ours is the same for all kinds.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Actor } from '../../process/support.js'
import type { GcsServer, GcsServerOptions } from '../../servers/index.js'
import { tempFolder } from '../object-store/stage.js'
import type { Command } from './fixtures/reader.child.js'
import { hasPeer, openFaulty } from './support.js'

interface Asked { readonly options?: object, readonly env?: Readonly<Record<string, string>> }
interface CredentialKind {
  /** What the server calls the requests for tokens. */
  readonly operation: string
  readonly given: (server: GcsServer) => Promise<Asked>
}
type Reader = Actor<Command>

describe('GCS: renewal of tokens', function () {
  this.timeout(30_000)
  const folder = tempFolder()

  const file = async (name: string, content: unknown): Promise<string> => {
    const path = join(folder.path, name)
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const kinds: Readonly<Record<string, CredentialKind>> = {
    'a metadata server': {
      operation: 'metadata.get',
      given: async ({ host, port }) => ({ env: { GCE_METADATA_HOST: `${host}:${port}`, METADATA_SERVER_DETECTION: 'assume-present' } })
    },
    'workload identity federation in `keyFilename`': {
      operation: 'sts.token',
      given: async server => ({ options: { keyFilename: await file('federated.json', (await server.credentials()).externalAccount) } })
    },
    'workload identity federation in GOOGLE_APPLICATION_CREDENTIALS': {
      operation: 'sts.token',
      given: async server => ({ env: { GOOGLE_APPLICATION_CREDENTIALS: await file('default.json', (await server.credentials()).externalAccount) } })
    },
    'a module': {
      operation: 'token',
      given: async server => {
        const body = new URLSearchParams({ grant_type: 'refresh_token', ...(await server.credentials()).authorizedUser }).toString()
        return {
          options: {
            credentialsModule: await file('token.mjs', `export default async () => {
              const headers = { 'content-type': 'application/x-www-form-urlencoded' }
              const reply = await fetch(${JSON.stringify(`${server.endpoint}/token`)}, { method: 'POST', headers, body: ${JSON.stringify(body)} })
              if (!reply.ok) throw new Error('no token')
              const { access_token: token, expires_in } = await reply.json()
              return { token, expiration: new Date(Date.now() + expires_in * 1000) }
            }`)
          }
        }
      }
    }
  }

  /** A process that reads with these credentials and no others: it finds no `gcloud`, and need not ask for the project. */
  async function reading (server: GcsServer, { options = {}, env = {} }: Asked, work: (read: () => Promise<string>) => Promise<void>): Promise<void> {
    await server.put('test', 'a', 'private')
    const program = fileURLToPath(new URL('./fixtures/reader.child.js', import.meta.url))
    const whole = { apiEndpoint: server.endpoint, useAuthWithCustomEndpoint: true, retry: { baseMs: 1, maxMs: 20 }, ...options }
    const base = { PATH: dirname(process.execPath), HOME: folder.path, NODE_PATH: process.env['NODE_PATH'] ?? '', GOOGLE_CLOUD_PROJECT: 'test-project', METADATA_SERVER_DETECTION: 'none', NODE_NO_WARNINGS: '1', ...env }
    const reader: Reader = new Actor<Command>(fork(program, [JSON.stringify(whole)], { env: base }))
    try {
      await reader.ready
      await work(() => reader.ask<string>({ path: 'test/a' }))
    } finally {
      await reader.kill()
    }
  }
  const onServer = async (serverOptions: GcsServerOptions, kind: CredentialKind, work: (server: GcsServer, read: () => Promise<string>) => Promise<void>): Promise<void> => {
    await using strict = await openFaulty({ anonymous: false, ...serverOptions })
    await reading(strict.server, await kind.given(strict.server), read => work(strict.server, read))
  }
  const tokensOf = async (server: GcsServer, { operation }: CredentialKind): Promise<number> =>
    (await server.requests()).filter(request => request.operation === operation && /\/token(?:$|\?)/.test(request.target)).length
  const outcome = (work: Promise<string>): Promise<string> => work.catch((error: { code?: string }) => error.code!)

  for (const [name, kind] of Object.entries(kinds)) {
    describe(`from ${name}${kind.operation === 'token' ? '' : ' (needs @google-cloud/storage)'}`, () => {
      before(function () { if (kind.operation !== 'token' && !hasPeer()) this.skip() })

      it('G27: are asked for again whenever one ended after 3 requests', () => onServer({ tokenRequests: 3 }, kind, async (server, read) => {
        for (let n = 0; n < 10; n++) assert.equal(await read(), 'private')
        assert.equal(await tokensOf(server, kind), 4)
      }))

      it('G27: reject with FORKFS_CREDENTIALS while their renewal fails, twice, and work when it does not', () => onServer({ tokenRequests: 3 }, kind, async (server, read) => {
        for (let n = 0; n < 3; n++) assert.equal(await read(), 'private')
        await server.addFault({ action: { type: 'status', status: 400 }, match: { operation: kind.operation }, times: 2 })
        assert.deepEqual([await outcome(read()), await outcome(read()), await outcome(read())], ['FORKFS_CREDENTIALS', 'FORKFS_CREDENTIALS', 'private'])
        assert.equal((await server.counters()).faults, 2)
      }))

      it('G27: serve until they end, however often their renewal fails before', () => onServer({ tokenSeconds: 5 }, kind, async (server, read) => {
        assert.equal(await read(), 'private')
        await server.addFault({ action: { type: 'status', status: 400 }, match: { operation: kind.operation, from: 1 } })
        let served = 0
        const begun = performance.now()
        for (let last = await outcome(read()); last !== 'FORKFS_CREDENTIALS'; last = await outcome(read())) {
          assert.equal(last, 'private')
          assert.ok(performance.now() - begun < 15_000, 'they never ended')
          if ((await server.counters()).faults > 0) served++
        }
        assert.ok(served > 0, 'nobody tried to renew them before they ended')
        assert.equal(await outcome(read()), 'FORKFS_CREDENTIALS')
        await server.clearFaults()
        while ((await outcome(read())) !== 'private') assert.ok(performance.now() - begun < 25_000, 'they were not renewed') // its clock may be behind the store's for a moment
      }))
    })
  }

  describe('that a service account signs itself (needs @google-cloud/storage)', () => {
    before(function () { if (!hasPeer()) this.skip() })
    const signing: CredentialKind = {
      operation: 'token',
      given: async server => {
        const { client_email, private_key } = (await server.credentials()).serviceAccount
        return { options: { credentials: { client_email, private_key } } }
      }
    }

    it('G27: are signed again when one is refused, without a request for a token', () => onServer({}, signing, async (server, read) => {
      assert.equal(await read(), 'private')
      const second = Math.floor(Date.now() / 1000)
      while (Math.floor(Date.now() / 1000) <= second + 1) assert.equal(await read(), 'private') // one of the same second is the same
      await server.addFault({ action: { type: 'status', status: 401 }, match: { operation: 'objects.getMedia' } })
      assert.equal(await read(), 'private')
      assert.equal((await server.counters()).faults, 1)
      assert.equal(await tokensOf(server, signing), 0)
    }))
  })
})
