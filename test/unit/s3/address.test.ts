import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Addresses, copySource, encodeKey, isHostable, needsSdk, parsePath } from '../../../implementations/s3/address.js'
import { isRegion, parseEndpoint, regionOfEndpoint } from '../../../implementations/s3/endpoint.js'

describe('encodeKey()', () => {
  it('keeps every byte of a key and nothing but unreserved characters and slashes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), key => {
      const encoded = encodeKey(key)
      assert.match(encoded, /^(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/)
      assert.deepEqual(Buffer.from(encoded.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))), 'latin1'), Buffer.from(key, 'utf8'))
    }))
  })

  it('leaves dot segments and double slashes alone', () => {
    assert.equal(encodeKey('a/../b//./c'), 'a/../b//./c')
    assert.equal(encodeKey('a?b#c%2F d+é'), 'a%3Fb%23c%252F%20d%2B%C3%A9')
  })

  it('throws a TypeError for half of a surrogate pair', () => { assert.throws(() => encodeKey('a\ud800'), TypeError) })
})

describe('parsePath()', () => {
  it('splits at the first slash', () => {
    assert.deepEqual(parsePath('b/k//x/'), { bucket: 'b', key: 'k//x/' })
    assert.deepEqual(parsePath('b//x'), { bucket: 'b', key: '/x' })
    assert.deepEqual(parsePath('b'), { bucket: 'b', key: '' })
    assert.deepEqual(parsePath(''), { bucket: '', key: '' })
  })

  it('keeps the resource of an ARN together', () => {
    for (const bucket of [
      'arn:aws:s3:us-west-2:123456789012:accesspoint/mine', 'arn:aws:s3:us-west-2:123456789012:accesspoint:mine',
      'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap', 'arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01/accesspoint/mine'
    ]) {
      assert.deepEqual(parsePath(`${bucket}/a/b`), { bucket, key: 'a/b' })
      assert.deepEqual(parsePath(bucket), { bucket, key: '' })
    }
  })

  it('takes the version off only when asked', () => {
    assert.deepEqual(parsePath('b/k?versionId=v1', true), { bucket: 'b', key: 'k', versionId: 'v1' })
    assert.deepEqual(parsePath('b/k?versionId=v1'), { bucket: 'b', key: 'k?versionId=v1' })
  })
})

describe('Addresses', () => {
  const at = (options: Partial<ConstructorParameters<typeof Addresses>[0]>, bucket: string, key?: string): string => {
    const { origin, path } = new Addresses({ region: 'eu-west-1', ...options }).at(bucket, key)
    return origin + path
  }

  it('puts the bucket into the host at AWS where its name allows it', () => {
    assert.equal(at({}, 'data', 'a b/../c'), 'https://data.s3.eu-west-1.amazonaws.com/a%20b/../c')
    assert.equal(at({}, 'data'), 'https://data.s3.eu-west-1.amazonaws.com/')
    assert.equal(at({}, 'my.data', 'k'), 'https://s3.eu-west-1.amazonaws.com/my.data/k')
    assert.equal(at({}, 'Old_Bucket', 'k'), 'https://s3.eu-west-1.amazonaws.com/Old_Bucket/k')
    assert.equal(at({ forcePathStyle: true }, 'data', 'k'), 'https://s3.eu-west-1.amazonaws.com/data/k')
    assert.equal(at({}, ''), 'https://s3.eu-west-1.amazonaws.com/')
  })

  it('knows the partitions', () => {
    assert.equal(at({ region: 'cn-north-1' }, 'data', 'k'), 'https://data.s3.cn-north-1.amazonaws.com.cn/k')
    assert.equal(at({ region: 'us-gov-west-1' }, 'data', 'k'), 'https://data.s3.us-gov-west-1.amazonaws.com/k')
  })

  it('puts the bucket into the path of a custom endpoint, below its base path', () => {
    assert.equal(at({ endpoint: 'http://127.0.0.1:9000' }, 'data', 'k'), 'http://127.0.0.1:9000/data/k')
    assert.equal(at({ endpoint: 'https://Store.example:443/s3/' }, 'data', '/k'), 'https://store.example/s3/data//k')
    assert.equal(at({ endpoint: 'http://[::1]:9000' }, 'data'), 'http://[::1]:9000/data')
    assert.equal(at({ endpoint: 'https://store.example/s3' }, ''), 'https://store.example/s3/')
    assert.equal(at({ endpoint: 'https://store.example' }, 'a?b', 'k'), 'https://store.example/a%3Fb/k')
  })

  it('puts the bucket into the host of a custom endpoint only when told so and possible', () => {
    assert.equal(at({ endpoint: 'https://store.example', forcePathStyle: false }, 'data', 'k'), 'https://data.store.example/k')
    assert.equal(at({ endpoint: 'http://127.0.0.1:9000', forcePathStyle: false }, 'data', 'k'), 'http://127.0.0.1:9000/data/k')
    assert.equal(at({ endpoint: 'http://[::1]:9000', forcePathStyle: false }, 'data', 'k'), 'http://[::1]:9000/data/k')
  })

  it('forgets nothing when buckets alternate', () => {
    const addresses = new Addresses({ region: 'eu-west-1' })
    assert.equal(addresses.at('one', 'a').host, 'one.s3.eu-west-1.amazonaws.com')
    assert.equal(addresses.at('t.wo', 'a').path, '/t.wo/a')
    assert.deepEqual(addresses.at('one', 'b'), { origin: 'https://one.s3.eu-west-1.amazonaws.com', host: 'one.s3.eu-west-1.amazonaws.com', path: '/b' })
  })

  it('refuses buckets that are dot segments', () => {
    for (const bucket of ['.', '..']) assert.throws(() => new Addresses({ region: 'eu-west-1' }).at(bucket, 'k'), TypeError)
  })
})

describe('parseEndpoint()', () => {
  it('refuses what is no plain http endpoint, without repeating secrets', () => {
    for (const endpoint of ['localhost:9000', 'ftp://a', 'http://u:hunter2@a', 'http://a?x=1', 'http://a?', 'http://a#f', 'nonsense', '']) {
      assert.throws(() => parseEndpoint(endpoint), (error: unknown) => error instanceof TypeError && !error.message.includes('hunter2'))
    }
  })
})

describe('needsSdk()', () => {
  it('names what only the SDK can address', () => {
    for (const bucket of ['data--use1-az5--x-s3', 'arn:aws:s3:us-west-2:123456789012:accesspoint/mine', 'alias--ol-s3', 'mfzwi23gnjvgw.mrap']) assert.equal(needsSdk(bucket), true)
    for (const bucket of ['data', 'my-ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias', 'x-s3']) assert.equal(needsSdk(bucket), false)
    assert.equal(needsSdk('data--use1-az5--x-s3', true), false)
  })
})

describe('small rules', () => {
  it('knows names that can be a host', () => {
    for (const name of ['abc', 'a-1', 'a'.repeat(63)]) assert.equal(isHostable(name), true)
    for (const name of ['ab', 'a.b.c', 'Abc', '-ab', 'ab-', 'a_b', 'a'.repeat(64), '']) assert.equal(isHostable(name), false)
  })

  it('knows regions and finds them in endpoints', () => {
    for (const region of ['eu-west-1', 'auto', 'default', 'RegionOne']) assert.equal(isRegion(region), true)
    for (const region of ['', 'a.b', 'evil.example/', 'a b', '-a', 'a'.repeat(70)]) assert.equal(isRegion(region), false)
    assert.equal(regionOfEndpoint('https://bucket.s3.eu-west-1.amazonaws.com'), 'eu-west-1')
    assert.equal(regionOfEndpoint('https://s3-us-west-2.amazonaws.com/'), 'us-west-2')
    assert.equal(regionOfEndpoint('https://s3.amazonaws.com'), undefined)
    assert.equal(regionOfEndpoint('https://s3.eu-west-1.amazonaws.com.evil.example'), undefined)
  })

  it('encodes the source of a copy', () => { assert.equal(copySource('b', 'a b/ü', 'v+'), 'b/a%20b/%C3%BC?versionId=v%2B') })
})
