import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openStream, withStream } from '../../../lib/streams/index.js'
import { urlOptions } from '../../../lib/streams/options.js'
import { s3Defaults } from '../../../lib/streams/s3cfg.js'
import { code, onPlace } from './support.js'
import type { Place } from './support.js'

const uri = 's3://data/a'

/** With these variables and no others that name a store. */
async function inEnvironment (variables: Readonly<Record<string, string>>, fn: () => Promise<void>): Promise<void> {
  const before = { ...process.env }
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  Object.assign(process.env, variables)
  try {
    await fn()
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

async function configFile (place: Place, lines: readonly string[], name = 'cfg'): Promise<string> {
  const path = join(place.folder, name)
  await mkdir(place.folder, { recursive: true })
  await writeFile(path, lines.join('\n'))
  return path
}

function lines ({ server }: Place, more: readonly string[] = []): string[] {
  return ['[other]', 'host_base = wrong', '[default]', '# a comment', `host_base = ${server.host}:${server.port}`, 'use_https = False', `access_key=${server.accessKeyId}`, `secret_key = ${server.secretAccessKey}`, ...more, '[after]', 'access_key = wrong']
}

describe('the endpoint of a stream', () => {
  it('is taken as meant where it has a scheme, and gets https where it is a bare host (A19)', () => {
    for (const [given, meant] of [['http://h:1', 'http://h:1'], ['https://h/base', 'https://h/base'], ['minio.example:9000', 'https://minio.example:9000'], ['localhost', 'https://localhost']]) {
      assert.deepEqual(urlOptions({ s3: { endpoint: given, region: 'x' }, begin: 1 }), { s3: { endpoint: meant, region: 'x' } })
      assert.deepEqual(urlOptions({ gs: { apiEndpoint: given } }), { gs: { apiEndpoint: meant } })
    }
  })

  it('reaches the store with http where that is said (A19)', async () => {
    await onPlace(async place => {
      await withStream(uri, 'w', async stream => { await stream.write('text') }, place.options)
      assert.equal(await place.text('a'), 'text')
      const { s3 } = place.options
      await assert.rejects(openStream(uri, 'r', { s3: { ...s3, endpoint: `${place.server.host}:${place.server.port}` } }), code('FORKFS_NETWORK'))
    })
  })
})

describe('a .s3cfg', function () {
  this.timeout(20_000)

  it('that is named says where the store is and who asks', async () => {
    await onPlace(async place => {
      const s3cfg = await configFile(place, lines(place))
      await inEnvironment({ AWS_ACCESS_KEY_ID: 'other', AWS_SECRET_ACCESS_KEY: 'other', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }, async () => {
        await withStream(uri, 'w', async stream => { await stream.write('text') }, { s3cfg, s3: { region: place.server.region } })
        assert.equal(await withStream(uri, 'r', stream => stream.readFile('utf8'), { s3cfg, s3: { region: place.server.region } }), 'text')
      })
    })
  })

  it('is found at home where nothing else says who asks, and is not read where something does', async () => {
    await onPlace(async place => {
      await configFile(place, lines(place), '.s3cfg')
      const { accessKeyId, secretAccessKey, host, port } = place.server
      await inEnvironment({ HOME: place.folder }, async () => {
        const found = { endpoint: `http://${host}:${port}`, credentials: { accessKeyId, secretAccessKey } }
        assert.deepEqual(await s3Defaults({}, undefined), { s3: found })
        assert.deepEqual(await s3Defaults({ s3: { endpoint: 'http://h' } }, undefined), { s3: { ...found, endpoint: 'http://h' } })
        assert.deepEqual(await s3Defaults({ s3: { credentials: 'anonymous' } }, undefined), { s3: { credentials: 'anonymous' } })
        assert.deepEqual(await s3Defaults({}, false), {})
      })
      await inEnvironment({ HOME: place.folder, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }, async () => {
        assert.deepEqual(await s3Defaults({}, undefined), {})
        assert.deepEqual(await s3Defaults({}, join(place.folder, '.s3cfg')), { s3: { endpoint: `http://${host}:${port}`, credentials: { accessKeyId, secretAccessKey } } })
      })
      await inEnvironment({ HOME: join(place.folder, 'nobody') }, async () => { assert.deepEqual(await s3Defaults({}, undefined), {}) })
    })
  })

  it('gets https unless it says otherwise, and leaves Amazon\'s own name to the region', async () => {
    await onPlace(async place => {
      const endpoint = async (...settings: string[]): Promise<unknown> => {
        const { s3 } = await s3Defaults({}, await configFile(place, ['[default]', ...settings]))
        return s3?.endpoint
      }
      assert.deepEqual([await endpoint('host_base: h'), await endpoint('host_base = h', 'use_https = True'), await endpoint('host_base = h', 'use_https=no'), await endpoint('host_base = s3.amazonaws.com')],
        ['https://h', 'https://h', 'http://h', undefined])
    })
  })

  it('rejects where a named one is missing, has no [default] or half a pair of keys, and leaves nothing behind', async () => {
    await onPlace(async place => {
      const secret = 'very-secret'
      const cases = [
        [join(place.folder, 'missing'), 'FORKFS_CONFIG'],
        [await configFile(place, ['access_key = a'], 'plain'), 'FORKFS_CONFIG'],
        [await configFile(place, ['[default]', `secret_key = ${secret}`], 'half'), 'FORKFS_CREDENTIALS'],
        [await configFile(place, ['[default]', 'access_key = a', 'secret_key ='], 'other-half'), 'FORKFS_CREDENTIALS'],
        [place.folder, 'EISDIR']
      ] as const
      for (const [s3cfg, expected] of cases) {
        const error: unknown = await openStream(uri, 'w', { s3cfg }).catch((failure: unknown) => failure)
        assert.equal((error as { code?: string }).code, expected, s3cfg)
        assert.ok(!String((error as Error).message).includes(secret))
      }
      await assert.rejects(openStream(uri, 'w', { s3: { ...place.options.s3, credentials: { accessKeyId: 'a' } as never } }), code('FORKFS_CREDENTIALS'))
      assert.deepEqual([await place.staged(), (await place.server.counters()).requests], [[], 0])
    })
  })
})
