import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import aws4 from 'aws4'
import { startS3Server } from '../../servers/index.js'
import { element, raw, rawSocket } from './support.js'
import type { OutgoingHttpHeaders } from 'node:http'
import type { S3Server, S3ServerOptions } from '../../servers/index.js'
import type { RawReply } from './support.js'

interface SignedRequest {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly query?: boolean
  readonly region?: string
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
}

/** What is sent otherwise than it was signed. */
interface Tamper {
  readonly target?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
}

/** Sign with aws4, an independent signer, and send. */
async function signed (server: S3Server, target: string, options: SignedRequest = {}, tamper: Tamper = {}): Promise<RawReply> {
  const { method = 'GET', headers = {}, body, query = false, region = server.region, sessionToken } = options
  const { accessKeyId = server.accessKeyId, secretAccessKey = server.secretAccessKey } = options
  const request = aws4.sign({
    host: `${server.host}:${server.port}`, path: target, method, service: 's3', region, signQuery: query,
    headers: { ...headers }, ...(body === undefined ? {} : { body })
  }, { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) })
  const sent = { ...request.headers as OutgoingHttpHeaders, ...tamper.headers }
  const content = tamper.body ?? body
  return raw(server.endpoint, tamper.target ?? request.path!, { method, headers: sent, ...(content === undefined ? {} : { body: content }) })
}

function outcome ({ status, body }: RawReply): [number, string | undefined] { return [status, element(body, 'Code')] }

describe('S3 server on the wire', () => {
  let server: S3Server

  async function start (options: S3ServerOptions = {}): Promise<void> {
    server = await startS3Server(options)
    await server.put('test', 'a', 'content')
  }

  afterEach(() => server.close())

  describe('signatures', () => {
    it('accepts headers and presigned queries of another signer', async () => {
      await start()
      assert.deepEqual([(await signed(server, '/test/a')).status, (await signed(server, '/test/a', { query: true })).status], [200, 200])
      assert.equal((await signed(server, '/test/new', { method: 'PUT', body: 'x' })).status, 200)
      assert.equal((await signed(server, '/test?list-type=2&prefix=a%2Bb&delimiter=%2F')).status, 200)
    })

    it('refuses a wrong secret, an unknown key, and what was changed after signing', async () => {
      await start()
      assert.deepEqual(outcome(await signed(server, '/test/a', { secretAccessKey: 'wrong' })), [403, 'SignatureDoesNotMatch'])
      assert.deepEqual(outcome(await signed(server, '/test/a', { accessKeyId: 'unknown' })), [403, 'InvalidAccessKeyId'])
      assert.deepEqual(outcome(await signed(server, '/test/a', {}, { target: '/test/b' })), [403, 'SignatureDoesNotMatch'])
      assert.deepEqual(outcome(await signed(server, '/test/a', { query: true }, { target: '/test/a?X-Amz-Algorithm=AWS4-HMAC-SHA256' })), [400, 'AuthorizationQueryParametersError'])
      assert.deepEqual(outcome(await signed(server, '/test/a', { method: 'PUT', body: 'good' }, { body: 'evil' })), [400, 'XAmzContentSHA256Mismatch'])
      assert.deepEqual(outcome(await signed(server, '/test/a', {}, { headers: { 'x-amz-acl': 'public-read' } })), [403, 'AccessDenied'])
      assert.deepEqual(await server.get('test', 'a').then(String), 'content')
    })

    it('refuses requests of another time, as its own clock says', async () => {
      await start()
      await server.setClock(16 * 60_000)
      const late = await signed(server, '/test/a')
      assert.deepEqual(outcome(late), [403, 'RequestTimeTooSkewed'])
      assert.ok(Date.parse(late.headers.date!) - Date.now() > 15 * 60_000)
      await server.setClock(14 * 60_000)
      assert.equal((await signed(server, '/test/a')).status, 200)
      await server.setClock(2 * 86_400_000)
      assert.deepEqual(outcome(await signed(server, '/test/a?X-Amz-Expires=60', { query: true })), [403, 'AccessDenied'])
    })

    it('asks for the session token, and refuses one that is wrong or expired', async () => {
      const credential = { accessKeyId: 'temporary', secretAccessKey: 'secret', sessionToken: 'token', expiresAt: Date.now() + 60_000 }
      await start({ credentials: [credential] })
      assert.equal((await signed(server, '/test/a', { sessionToken: 'token' })).status, 200)
      assert.deepEqual(outcome(await signed(server, '/test/a', { sessionToken: 'other' })), [400, 'InvalidToken'])
      assert.deepEqual(outcome(await signed(server, '/test/a')), [403, 'InvalidAccessKeyId'])
      await server.setClock(120_000)
      assert.deepEqual(outcome(await signed(server, '/test/a', { sessionToken: 'token' })), [400, 'ExpiredToken'])
      await server.setCredentials([{ ...credential, expiresAt: Date.now() + 3_600_000 }])
      assert.equal((await signed(server, '/test/a', { sessionToken: 'token' })).status, 200)
    })

    it('refuses anonymous requests, unless the bucket is public, and then to read only', async () => {
      await start({ buckets: ['test', { name: 'open', publicRead: true }] })
      await server.put('open', 'a', 'x')
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/a')), [403, 'AccessDenied'])
      assert.equal((await raw(server.endpoint, '/open/a')).status, 200)
      assert.equal((await raw(server.endpoint, '/open?list-type=2')).status, 200)
      assert.deepEqual(outcome(await raw(server.endpoint, '/open/a', { method: 'PUT', body: 'y' })), [403, 'AccessDenied'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/')), [403, 'AccessDenied'])
    })
  })

  describe('regions', () => {
    it('names the right region for a wrong scope, and redirects to a bucket elsewhere', async () => {
      await start({ region: 'eu-west-1', buckets: ['test', { name: 'far', region: 'ap-south-1' }] })
      await server.put('far', 'a', 'x')
      const wrong = await signed(server, '/test/a', { region: 'us-west-2' })
      assert.deepEqual([...outcome(wrong), element(wrong.body, 'Region')], [400, 'AuthorizationHeaderMalformed', 'eu-west-1'])
      const away = await signed(server, '/far/a')
      assert.deepEqual([...outcome(away), away.headers['x-amz-bucket-region']], [301, 'PermanentRedirect', 'ap-south-1'])
      const head = await signed(server, '/far', { method: 'HEAD' })
      assert.deepEqual([head.status, head.headers['x-amz-bucket-region'], head.body.byteLength], [301, 'ap-south-1', 0])
      assert.equal((await signed(server, '/far/a', { region: 'ap-south-1' })).status, 200)
    })
  })

  describe('targets', () => {
    beforeEach(() => start({ anonymous: true }))

    const keys = ['//', 'a//b', '/a', 'a/', '.', '..', 'a/./b', 'a/../b', '../a', '?', '#', '%', '%2F', 'a%20b', ' ', '+', 'e\u0301', '\u00e9', '\u{1F600}']

    it('keeps keys byte for byte, dots and slashes included', async () => {
      for (const key of keys) {
        const target = '/test/' + key.split('/').map(encodeURIComponent).join('/')
        assert.equal((await raw(server.endpoint, target, { method: 'PUT', body: key })).status, 200, key)
      }
      for (const key of keys) {
        const target = '/test/' + key.split('/').map(encodeURIComponent).join('/')
        assert.equal((await raw(server.endpoint, target)).body.toString(), key)
      }
      assert.deepEqual(await server.keys('test'), [...keys, 'a'].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    })

    it('reads a plus sign as a space, and refuses a percent sign alone and bytes that are no text', async () => {
      await server.put('test', 'x y', 'spaced')
      assert.equal((await raw(server.endpoint, '/test/x+y')).body.toString(), 'spaced')
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/50%')), [400, 'InvalidURI'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/%ff')), [400, 'InvalidURI'])
    })

    it('finds the bucket in the host name too', async () => {
      for (const host of ['test.localhost', `test.s3.localhost:${server.port}`, 'test.s3.us-east-1.amazonaws.com', 'TEST.s3.amazonaws.com']) {
        assert.equal((await raw(server.endpoint, '/a', { headers: { host } })).body.toString(), 'content', host)
      }
    })

    it('refuses what it does not know rather than answer something else', async () => {
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/a?acl')), [501, 'NotImplemented'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/a', { method: 'PATCH' })), [405, 'MethodNotAllowed'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/a', { method: 'POST' })), [405, 'MethodNotAllowed'])
    })
  })

  describe('replies', () => {
    beforeEach(() => start({ anonymous: true }))

    it('give their ids, a date, and no body to HEAD', async () => {
      const got = await raw(server.endpoint, '/test/a')
      assert.match(String(got.headers['x-amz-request-id']), /^[0-9A-F]{16}$/)
      assert.ok(Math.abs(Date.parse(got.headers.date!) - Date.now()) < 5000)
      assert.deepEqual([got.headers['accept-ranges'], got.headers['content-length']], ['bytes', '7'])
      const head = await raw(server.endpoint, '/test/missing', { method: 'HEAD' })
      assert.deepEqual([head.status, head.body.byteLength], [404, 0])
    })

    it('ignore several ranges and refuse one together with a part number', async () => {
      assert.equal((await raw(server.endpoint, '/test/a', { headers: { range: 'bytes=0-1,3-4' } })).status, 200)
      assert.deepEqual(outcome(await raw(server.endpoint, '/test/a?partNumber=1', { headers: { range: 'bytes=0-1' } })), [400, 'InvalidRequest'])
      const past = await raw(server.endpoint, '/test/a', { headers: { range: 'bytes=7-' } })
      assert.deepEqual([...outcome(past), past.headers['content-range']], [416, 'InvalidRange', 'bytes */7'])
    })

    it('spell names for encoding-type=url, and refuse another type and a wrong token', async () => {
      await server.put('test', 'b c/+*~\u0001', 'x')
      const xml = (await raw(server.endpoint, '/test?list-type=2&encoding-type=url&prefix=b')).body.toString()
      assert.equal(element(xml, 'Key'), 'b+c/%2B*%7E%01')
      assert.deepEqual(outcome(await raw(server.endpoint, '/test?list-type=2&encoding-type=base64')), [400, 'InvalidArgument'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/test?list-type=2&continuation-token=nonsense')), [400, 'InvalidArgument'])
      assert.deepEqual(outcome(await raw(server.endpoint, '/test?list-type=2&max-keys=-1')), [400, 'InvalidArgument'])
    })

    it('list uploads over pages of any size, by key and then by start, and rolled up', async () => {
      const begin = async (key: string): Promise<string> => `${key} ${element((await raw(server.endpoint, `/test/${key}?uploads`, { method: 'POST' })).body, 'UploadId')}`
      const begun: string[] = []
      for (const key of ['b/2', 'a', 'b/1', 'a', 'c']) begun.push(await begin(key))
      const expected = [1, 3, 2, 0, 4].map(index => begun[index])
      for (const size of [1, 2, 3, 5]) {
        const seen: string[] = []
        for (let marker = '', more = true; more;) {
          const xml = (await raw(server.endpoint, `/test?uploads&max-uploads=${size}${marker}`)).body.toString()
          seen.push(...[...xml.matchAll(/<Upload><Key>([^<]*)<\/Key><UploadId>([^<]*)/g)].map(([, key, id]) => `${key} ${id}`))
          more = element(xml, 'IsTruncated') === 'true'
          marker = `&key-marker=${encodeURIComponent(element(xml, 'NextKeyMarker') ?? '')}&upload-id-marker=${element(xml, 'NextUploadIdMarker')}`
        }
        assert.deepEqual(seen, expected, String(size))
      }
      const rolled = (await raw(server.endpoint, '/test?uploads&delimiter=/')).body.toString()
      assert.deepEqual([...rolled.matchAll(/<(?:Key|CommonPrefixes><Prefix)>([^<]*)/g)].map(match => match[1]), ['a', 'a', 'c', 'b/'])
    })

    it('wait with 100 Continue until the request is found good', async () => {
      const put = (path: string, more: string): string => `PUT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n${more}\r\n`
      const good = await rawSocket(server.port, put('/test/new', '') + 'hi')
      assert.deepEqual(good.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 100', 'HTTP/1.1 200'])
      const bad = await rawSocket(server.port, put('/test/a', 'If-None-Match: *\r\n'))
      assert.deepEqual(bad.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 412'])
    })

    it('refuse a body without a length, and documents that are none or hold a document type', async () => {
      const chunked = await rawSocket(server.port, 'PUT /test/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n')
      assert.match(chunked, /^HTTP\/1\.1 501 /)
      for (const body of ['', '<Delete>', '<Delete><Object><Key>a</Key></Object>', '<!DOCTYPE d><Delete><Object><Key>a</Key></Object></Delete>', '<Delete><Object/></Delete>']) {
        const headers = { 'content-md5': createHash('md5').update(body).digest('base64') }
        assert.deepEqual(outcome(await raw(server.endpoint, '/test?delete', { method: 'POST', body, headers })), [400, 'MalformedXML'], body)
      }
      assert.deepEqual(outcome(await raw(server.endpoint, '/test?delete', { method: 'POST', body: '<Delete/>' })), [400, 'InvalidRequest'])
      assert.equal(await server.get('test', 'a').then(String), 'content')
    })

    it('leave nothing of a body that ends early', async () => {
      const cut = await rawSocketCut(server.port, 'PUT /test/cut HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this')
      assert.equal(cut, '')
      assert.equal(await server.get('test', 'cut'), undefined)
      assert.equal((await server.counters()).aborted, 1)
    })
  })

  describe('aws-chunked bodies', () => {
    beforeEach(() => start({ anonymous: true }))

    const put = (body: string, length: number | string): Promise<RawReply> => raw(server.endpoint, '/test/chunked', {
      method: 'PUT', body,
      headers: { 'content-encoding': 'aws-chunked', 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'x-amz-decoded-content-length': length, 'x-amz-trailer': 'x-amz-checksum-crc32' }
    })

    it('are unpacked, with the checksum behind them', async () => {
      assert.equal((await put('2\r\nhi\r\n0\r\nx-amz-checksum-crc32:2JMqrA==\r\n\r\n', 2)).status, 200)
      assert.equal(await server.get('test', 'chunked').then(String), 'hi')
      const got = await raw(server.endpoint, '/test/chunked', { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
      assert.deepEqual([got.headers['x-amz-checksum-crc32'], got.headers['content-encoding']], ['2JMqrA==', undefined])
    })

    it('are refused when their length, a chunk or the checksum is wrong', async () => {
      const end = '0\r\n\r\n'
      assert.deepEqual(outcome(await put('2\r\nhi\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n', 2)), [400, 'BadDigest'])
      assert.deepEqual(outcome(await put('2\r\nhi\r\n' + end, 3)), [400, 'IncompleteBody'])
      assert.deepEqual(outcome(await put('2\r\nhi\r\n', 2)), [400, 'IncompleteBody'])
      assert.deepEqual(outcome(await put('5\r\nhi\r\n' + end, 2)), [400, 'IncompleteBody'])
      assert.deepEqual(outcome(await put('1\r\nh\r\n1\r\ni\r\n' + end, 2)), [403, 'InvalidChunkSizeError'])
      assert.deepEqual(outcome(await put('2\r\nhi\r\n' + end, '')), [411, 'MissingContentLength'])
      assert.equal(await server.get('test', 'chunked'), undefined)
    })
  })

  describe('published examples of signature version 4', () => {
    const scope = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'

    beforeEach(async () => {
      await start({ buckets: ['test', 'examplebucket'], credentials: [{ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }] })
      await server.setClock(Date.UTC(2013, 4, 24) - Date.now())
    })

    it('are accepted: a ranged GET with headers', async () => {
      await server.put('examplebucket', 'test.txt', '0123456789abcdef')
      const got = await raw(server.endpoint, '/test.txt', {
        headers: {
          host: 'examplebucket.s3.amazonaws.com', range: 'bytes=0-9', 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': createHash('sha256').digest('hex'),
          authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41`
        }
      })
      assert.deepEqual([got.status, got.body.toString()], [206, '0123456789'])
    })

    it('are accepted: a body in signed chunks, and refused with one byte changed', async () => {
      const chunk = (data: string, signature: string): string => `${data.length.toString(16)};chunk-signature=${signature}\r\n${data}\r\n`
      const upload = (first: string): Promise<RawReply> => raw(server.endpoint, '/examplebucket/chunkObject.txt', {
        method: 'PUT',
        headers: {
          host: 's3.amazonaws.com', 'content-encoding': 'aws-chunked', 'content-length': 66824, 'x-amz-date': '20130524T000000Z', 'x-amz-storage-class': 'REDUCED_REDUNDANCY',
          'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'x-amz-decoded-content-length': 66560,
          authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9`
        },
        body: chunk(first + 'a'.repeat(65535), 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') +
          chunk('a'.repeat(1024), '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497') + chunk('', 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9')
      })
      assert.deepEqual(outcome(await upload('b')), [403, 'SignatureDoesNotMatch'])
      assert.equal(await server.get('examplebucket', 'chunkObject.txt'), undefined)
      assert.equal((await upload('a')).status, 200)
      assert.equal((await server.get('examplebucket', 'chunkObject.txt'))?.byteLength, 66560)
    })
  })
})

/** Send and end: what comes back. */
async function rawSocketCut (port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let got = ''
  socket.on('data', chunk => { got += chunk.toString() })
  socket.end(text)
  await once(socket, 'close')
  return got
}
