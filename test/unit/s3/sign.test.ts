import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import aws4 from 'aws4'
import fc from 'fast-check'
import { SignatureV4 } from '@smithy/signature-v4'
import { encodeKey } from '../../../implementations/s3/address.js'
import { canonicalQuery, Clock, encodeStrict, Signer } from '../../../implementations/s3/sign.js'

// The examples of "Signature Calculations" in the Amazon S3 API reference.
const example = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const host = 'examplebucket.s3.amazonaws.com'
const empty = createHash('sha256').digest('hex')

class FixedClock extends Clock {
  readonly #at: number
  constructor (at: string) { super(); this.#at = Date.parse(at) }
  override now (): number { return this.#at }
}

function signed (headers: readonly string[], name: string): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]!
  throw new Error(`no header ${name}`)
}

function signatureOf (headers: readonly string[]): string { return /Signature=(\w+)$/.exec(signed(headers, 'authorization'))![1]! }

describe('Signer', () => {
  const signer = new Signer(example, 'us-east-1', new FixedClock('2013-05-24T00:00:00Z'))

  describe('sign()', () => {
    it('gives the published signature for a GET with a range', () => {
      const headers = ['range', 'bytes=0-9']
      signer.sign('GET', host, '/test.txt', '', headers, empty)
      assert.equal(signatureOf(headers), 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41')
      assert.match(signed(headers, 'authorization'), /SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,/)
    })

    it('gives the published signature for a PUT', () => {
      const headers = ['x-amz-storage-class', 'REDUCED_REDUNDANCY', 'date', 'Fri, 24 May 2013 00:00:00 GMT']
      signer.sign('PUT', host, encodeKey('/test$file.text'), '', headers, '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072')
      assert.equal(signatureOf(headers), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd')
    })

    it('gives the published signatures for queries', () => {
      const lifecycle: string[] = []
      signer.sign('GET', host, '/', canonicalQuery({ lifecycle: '' }), lifecycle, empty)
      assert.equal(signatureOf(lifecycle), 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543')
      const list: string[] = []
      signer.sign('GET', host, '/', canonicalQuery({ prefix: 'J', 'max-keys': 2 }), list, empty)
      assert.equal(signatureOf(list), '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7')
    })

    it('agrees with aws4 and with the signer of the AWS SDK for any request', async () => {
      const value = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?$/)
      const name = fc.constantFrom('range', 'if-match', 'content-type', 'content-md5', 'x-amz-acl', 'x-amz-meta-a', 'x-amz-meta-b-c', 'x-amz-copy-source')
      await fc.assert(fc.asyncProperty(
        fc.constantFrom('GET', 'PUT', 'HEAD', 'DELETE', 'POST'),
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 8 }), { maxKeys: 4 }),
        fc.dictionary(name, value, { maxKeys: 5 }),
        fc.option(fc.stringMatching(/^[A-Za-z0-9+/=]{1,40}$/), { nil: undefined }),
        fc.integer({ min: 0, max: 4_000_000_000 }),
        async (method, key, query, extra, sessionToken, seconds) => {
          const at = new Date(seconds * 1000).toISOString()
          const path = '/b/' + encodeKey(key)
          const search = canonicalQuery(query)
          const credentials = sessionToken === undefined ? example : { ...example, sessionToken }
          const headers = Object.entries(extra).flat()
          new Signer(credentials, 'eu-west-1', new FixedClock(at)).sign(method, 'h.example:9000', path, search, headers)

          const common = { ...extra, host: 'h.example:9000', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
          const smithy = new SignatureV4({ credentials, region: 'eu-west-1', service: 's3', sha256: Sha256, uriEscapePath: false, applyChecksum: true })
          const request = { method, protocol: 'https:', hostname: 'h.example', path, query: { ...query }, headers: { ...common } }
          const theirs = await smithy.sign(request, { signingDate: new Date(at) })
          assert.equal(signed(headers, 'authorization'), theirs.headers['authorization'])

          if (path.includes('//') || /\/\.{1,2}(\/|$)/.test(path)) return // aws4 takes a path apart once more
          const other = aws4.sign({
            method, host: 'h.example:9000', path: search === '' ? path : `${path}?${search}`, service: 's3', region: 'eu-west-1', extraHeadersToInclude: { range: true },
            headers: { ...common, 'X-Amz-Date': at.replace(/[-:]|\.\d{3}/g, '') }
          } as aws4.Request, credentials)
          assert.equal(signatureOf(headers), /Signature=(\w+)/.exec(String(other.headers!['Authorization']))![1])
        }), { numRuns: 300 })
    })

    it('signs repeated, padded and mixed-case headers as the store sees them, and leaves out what proxies change', () => {
      const a = ['X-Amz-Meta-A', '  1   2 ', 'x-amz-meta-a', '3', 'user-agent', 'one', 'Expect', '100-continue']
      const b = ['x-amz-meta-a', '1 2,3', 'user-agent', 'two', 'proxy-authorization', 'x']
      signer.sign('PUT', host, '/k', '', a)
      signer.sign('PUT', host, '/k', '', b)
      assert.equal(signatureOf(a), signatureOf(b))
    })

    it('refuses a header that would reach the store otherwise than signed', () => {
      assert.throws(() => { signer.sign('PUT', host, '/k', '', ['x-amz-meta-a', 'ä']) }, TypeError)
      assert.throws(() => { signer.sign('PUT', host, '/k', '', ['x-amz-meta-a', 'a\r\nb: c']) }, TypeError)
      assert.throws(() => { signer.sign('GET', host, '/k', '', ['range', 'bytes=0-1\nhost:x']) }, TypeError)
    })

    it('derives a new key on a new day', () => {
      let at = Date.parse('2024-02-28T23:59:59Z')
      class Moving extends Clock { override now (): number { return at } }
      const moving = new Signer(example, 'us-east-1', new Moving())
      const sign = (): string => {
        const headers: string[] = []
        moving.sign('GET', host, '/a', '', headers)
        return signed(headers, 'authorization')
      }
      assert.ok(sign().includes('/20240228/'))
      at += 1000
      const headers: string[] = []
      new Signer(example, 'us-east-1', new FixedClock('2024-02-29T00:00:00Z')).sign('GET', host, '/a', '', headers)
      assert.equal(sign(), signed(headers, 'authorization'))
    })
  })

  describe('presign()', () => {
    it('gives the published signature', () => {
      assert.equal(signer.presign('GET', host, '/test.txt', '', { expiresIn: 86_400 }),
        'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z' +
        '&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404')
    })

    it('agrees with the signer of the AWS SDK, parameters, headers and session token included', async () => {
      const credentials = { ...example, sessionToken: 'to/ken+=' }
      const at = '2024-05-06T07:08:09Z'
      const query = { versionId: 'x y', 'a-b': '1', a: '2' }
      const ours = new Signer(credentials, 'eu-west-1', new FixedClock(at))
        .presign('PUT', host, '/a%20b//c', canonicalQuery(query), { expiresIn: 60, headers: ['content-type', 'text/plain'] })
      const smithy = new SignatureV4({ credentials, region: 'eu-west-1', service: 's3', sha256: Sha256, uriEscapePath: false })
      const theirs = await smithy.presign({
        method: 'PUT', protocol: 'https:', hostname: host, path: '/a%20b//c', query,
        headers: { host, 'content-type': 'text/plain', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
      }, { signingDate: new Date(at), expiresIn: 60, unhoistableHeaders: new Set(['x-amz-content-sha256']), unsignableHeaders: new Set(['x-amz-content-sha256']), signableHeaders: new Set(['content-type']) })
      assert.equal(/X-Amz-Signature=(\w+)/.exec(ours)![1], theirs.query!['X-Amz-Signature'])
    })

    it('refuses a life that S3 would refuse', () => {
      for (const expiresIn of [0, 604_801, 1.5, Number.NaN]) assert.throws(() => signer.presign('GET', host, '/', '', { expiresIn }), RangeError)
    })
  })
})

describe('canonicalQuery()', () => {
  it('sorts by name, not by the joined text, and leaves undefined values out', () => {
    assert.equal(canonicalQuery({ 'a-b': 1, a: 2, c: undefined, B: '/ +' }), 'B=%2F%20%2B&a=2&a-b=1')
  })
})

describe('encodeStrict()', () => {
  it('keeps the unreserved characters of RFC 3986 only', () => {
    for (let code = 0; code < 128; code++) {
      const character = String.fromCharCode(code)
      const expected = /[A-Za-z0-9._~-]/.test(character) ? character : '%' + code.toString(16).toUpperCase().padStart(2, '0')
      assert.equal(encodeStrict(character), expected)
    }
  })
})

describe('Clock', () => {
  it('takes over the time of the store once and says when nothing is won by another try', () => {
    const clock = new Clock()
    const server = new Date(Date.now() + 3_600_000)
    assert.equal(clock.adjust(server), true)
    assert.ok(Math.abs(clock.now() - server.getTime()) < 5000)
    assert.equal(clock.adjust(server), false)
    assert.equal(clock.adjust(new Date(Number.NaN)), false)
  })
})

/** The hash that the SDK's signer wants, over node:crypto. */
class Sha256 {
  readonly #hash
  constructor (secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer)
  }
  update (data: string | Uint8Array): void { this.#hash.update(data) }
  digest (): Promise<Uint8Array> { return Promise.resolve(new Uint8Array(this.#hash.digest())) }
  reset (): void {}
}
