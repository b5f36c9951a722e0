import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isFsError } from '../../../lib/errors/fs-error.js'
import { resolveS3, usesSdk } from '../../../implementations/s3/options.js'
import type { S3Options } from '../../../implementations/s3/options.js'

const keys = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' }
const credentials = { accessKeyId: 'ak', secretAccessKey: 'sk' }

describe('resolveS3()', () => {
  it('lets options win over the environment and the environment over defaults', () => {
    const env = { ...keys, AWS_REGION: 'eu-west-1', AWS_DEFAULT_REGION: 'eu-west-2', AWS_ENDPOINT_URL_S3: 'http://s3:9000/', AWS_ENDPOINT_URL: 'http://all:1' }
    const given = resolveS3({ endpoint: 'http://mine:2', region: 'eu-west-3', credentials }, env)
    assert.deepEqual([given.endpoint, given.region, given.credentials.kind], ['http://mine:2', 'eu-west-3', 'static'])
    const fromEnv = resolveS3({}, env)
    assert.deepEqual([fromEnv.endpoint, fromEnv.region, fromEnv.credentials.kind, fromEnv.regionAssumed], ['http://s3:9000', 'eu-west-1', 'environment', false])
    const other = resolveS3({}, { ...keys, AWS_DEFAULT_REGION: 'eu-west-2', AWS_ENDPOINT_URL: 'http://all:1', AWS_ENDPOINT_URL_S3: '', AWS_REGION: '' })
    assert.deepEqual([other.endpoint, other.region], ['http://all:1', 'eu-west-2'])
    const none = resolveS3({}, keys)
    assert.deepEqual([none.endpoint, none.region, none.regionAssumed, none.checksums, none.requesterPays], [undefined, 'us-east-1', true, true, false])
    assert.equal(resolveS3({}, { ...keys, AWS_ENDPOINT_URL: 'http://all:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }).endpoint, undefined)
  })

  it('reads the region off an AWS endpoint', () => {
    assert.equal(resolveS3({ endpoint: 'https://s3.eu-north-1.amazonaws.com' }, keys).region, 'eu-north-1')
  })

  it('needs the SDK only where keys or places come from files, roles or sign-on', () => {
    const cases: readonly (readonly [S3Options, Record<string, string>, boolean])[] = [
      [{ credentials: 'anonymous' }, {}, false],
      [{ credentials: 'anonymous' }, { AWS_PROFILE: 'p', AWS_CONFIG_FILE: '/f' }, false],
      [{ credentials }, {}, false],
      [{ credentials, region: 'r1' }, { AWS_PROFILE: 'p' }, false],
      [{ credentials }, { AWS_CONFIG_FILE: '/f' }, true],
      [{ credentials, profile: 'p' }, {}, true],
      [{ credentials, profile: 'p', region: 'r1', endpoint: 'http://x' }, {}, false],
      [{}, keys, false],
      [{ endpoint: 'http://x:9000' }, keys, false],
      [{}, { ...keys, AWS_PROFILE: 'p' }, true],
      [{}, { AWS_WEB_IDENTITY_TOKEN_FILE: '/t', AWS_ROLE_ARN: 'arn' }, true],
      [{}, { AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://x' }, true],
      [{}, {}, true],
      [{ profile: 'p', region: 'r1', endpoint: 'http://x' }, {}, true],
      [{ credentialsModule: 'file:///m.mjs' }, {}, false]
    ]
    for (const [options, env, expected] of cases) assert.equal(usesSdk(resolveS3(options, env)), expected, JSON.stringify([options, env]))
  })

  it('leaves the region to the SDK where files decide', () => {
    const resolved = resolveS3({ profile: 'p' }, {})
    assert.deepEqual([resolved.settings, resolved.region, resolved.regionAssumed, resolved.profile], ['sdk', undefined, false, 'p'])
    const half = resolveS3({ profile: 'p', region: 'eu-west-1' }, {})
    assert.deepEqual([half.settings, half.region], ['sdk', 'eu-west-1'])
  })

  it('keeps secrets of the environment out of its result', () => {
    assert.ok(!JSON.stringify(resolveS3({}, { ...keys, AWS_SECRET_ACCESS_KEY: 'hunter2' })).includes('hunter2'))
  })

  it('makes a module the same place everywhere', () => {
    const module = (credentialsModule: string | URL): unknown => {
      const plan = resolveS3({ credentialsModule }, {}).credentials
      return plan.kind === 'module' ? plan.module : undefined
    }
    assert.equal(module('./keys.mjs'), pathToFileURL(resolve('./keys.mjs')).href)
    assert.equal(module(new URL('file:///a/b.mjs')), 'file:///a/b.mjs')
    assert.equal(module('@scope/keys/node'), '@scope/keys/node')
    for (const bad of ['https://evil.example/x.mjs', 'data:text/javascript,1', 'node:fs', '']) assert.throws(() => module(bad), TypeError)
  })

  it('rejects half a pair of keys', () => {
    const cases: readonly (readonly [S3Options, Record<string, string>])[] = [
      [{}, { AWS_ACCESS_KEY_ID: 'a' }], [{}, { AWS_SECRET_ACCESS_KEY: 'a' }],
      [{ credentials: { accessKeyId: 'a' } as typeof credentials }, {}], [{ credentials: { accessKeyId: '', secretAccessKey: 'x' } }, {}]
    ]
    for (const [options, env] of cases) assert.throws(() => resolveS3(options, env), (error: unknown) => isFsError(error, 'FORKFS_CREDENTIALS'))
    assert.equal(resolveS3({}, { AWS_ACCESS_KEY_ID: 'a', AWS_PROFILE: 'p' }).credentials.kind, 'sdk')
  })

  it('rejects malformed options with a TypeError and malformed variables with FORKFS_CONFIG', () => {
    for (const options of [
      { endpoint: 'localhost:9000' }, { endpoint: 'http://u:p@h' }, { endpoint: 'http://h?x' }, { endpoint: 7 }, { region: 'a b' }, { region: 'evil.example/' }, { region: '' },
      { credentials: 'anonymus' }, { credentials: { accessKeyId: 1, secretAccessKey: 'x' } }, { credentials: { accessKeyId: 'a\r\nb', secretAccessKey: 'x' } },
      { credentials, credentialsModule: './x.mjs' }, { forcePathStyle: 'yes' }, { checksums: 1 }, { kmsKeyId: 3 }, { profile: '' }
    ]) assert.throws(() => resolveS3(options as S3Options, keys), TypeError, JSON.stringify(options))
    for (const env of [{ AWS_REGION: 'a b' }, { AWS_ENDPOINT_URL_S3: 'ftp://x' }, { AWS_ENDPOINT_URL: 'http://u:hunter2@x' }]) {
      assert.throws(() => resolveS3({}, { ...keys, ...env }), (error: unknown) => isFsError(error, 'FORKFS_CONFIG') && !error.message.includes('hunter2'))
    }
  })
})
