import assert from 'node:assert/strict'
import fc from 'fast-check'
import { checkObject, encodeSegment, isBucket, objectPath, parsePath, queryOf } from '../../../implementations/gcs/address.js'
import { batchBody, parseBatch } from '../../../implementations/gcs/batch.js'
import { failureOf } from '../../../implementations/gcs/errors.js'
import { PageReader } from '../../../implementations/gcs/lists.js'
import { resolveGcs } from '../../../implementations/gcs/options.js'
import { PartsCheck } from '../../../implementations/gcs/read.js'
import { entryOf, hashOf, infoOf, parseJson } from '../../../implementations/gcs/replies.js'
import { answerOf, contentRange, sessionPlace, storedBytes } from '../../../implementations/gcs/uploads.js'
import { crc32c, crc32cText } from '../../../lib/net/index.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const json = (value: unknown, status = 200): { status: number, headers: Record<string, string>, body: Uint8Array } => ({ status, headers: { 'content-type': 'application/json; charset=UTF-8' }, body: bytes(JSON.stringify(value)) })

describe('GCS: addresses', () => {
  it('split at the first slash, and take a generation off only where versions count', () => {
    assert.deepEqual(parsePath('b'), { bucket: 'b', object: '' })
    assert.deepEqual(parsePath('b/a//c#17'), { bucket: 'b', object: 'a//c#17' })
    assert.deepEqual(parsePath('b/a//c#17', true), { bucket: 'b', object: 'a//c', generation: '17' })
    assert.deepEqual(parsePath('b/a#x', true), { bucket: 'b', object: 'a#x' })
  })

  it('encode any name as one segment that decodes to itself', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), name => {
      const encoded = encodeSegment(name)
      assert.equal(decodeURIComponent(encoded), name)
      assert.match(encoded, /^[\w.~%!'()*-]*$/)
    }))
    assert.equal(objectPath('b', 'a/../c d'), '/storage/v1/b/b/o/a%2F..%2Fc%20d')
    assert.equal(queryOf({ a: undefined, b: 'x&y', c: 0 }), 'b=x%26y&c=0')
  })

  it('know what no bucket and no object can be called', () => {
    assert.deepEqual(['ab', 'abc', 'A', 'a_b.c-d', 'x'.repeat(223)].map(isBucket), [false, true, false, true, false])
    for (const name of ['.', '..', 'a\n', '\udc00', 'x'.repeat(1025)]) assert.throws(() => { checkObject(name, name) }, { code: 'EINVAL' })
    for (const name of ['a/..', '...', 'x'.repeat(1024), '\ud83c\udf0d']) checkObject(name, name)
  })
})

describe('GCS: batches', () => {
  it('hold one DELETE for each target, by number', () => {
    const text = Buffer.from(batchBody('edge', ['/a', '/b?x'])).toString()
    assert.equal(text.split('--edge\r\n').length, 3)
    assert.match(text, /Content-ID: <forkfs\+1>\r\n\r\nDELETE \/b\?x HTTP\/1\.1\r\n/)
    assert.ok(text.endsWith('--edge--\r\n'))
  })

  const part = (id: string, status: string, body = ''): string => `--e:1\r\nContent-Type: application/http\r\nContent-ID: <response-forkfs+${id}>\r\n\r\nHTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}\r\n`

  it('are read by number, in any order, with and without carriage returns and brackets', () => {
    const text = `${part('1', '404 Not Found', '{"error":{}}')}${part('0', '204 No Content')}--e:1--`
    for (const form of [text, text.replaceAll('\r\n', '\n'), text.replaceAll(/[<>]/g, '')]) {
      const answers = parseBatch('multipart/mixed; boundary="e:1"', bytes(form))
      assert.deepEqual([...answers].map(([id, { status }]) => [id, status]).sort(), [[0, 204], [1, 404]])
      assert.match(Buffer.from(answers.get(1)!.body).toString(), /^\{"error":\{\}\}/)
    }
  })

  it('may lack answers, and are refused when they are none', () => {
    assert.equal(parseBatch('multipart/mixed; boundary=e:1', bytes(`${part('7', '204 x')}--e:1\r\nnonsense\r\n--e:1--`)).size, 1)
    for (const type of [undefined, 'text/html', 'multipart/mixed']) assert.throws(() => parseBatch(type, bytes('')), { code: 'FORKFS_PROTOCOL' })
  })
})

describe('GCS: the protocol of sessions', () => {
  it('reads how many bytes a 308 confirms', () => {
    assert.deepEqual([undefined, 'bytes=0-0', 'bytes=0-262143', '0-9'].map(storedBytes), [0, 1, 262_144, 10])
    for (const range of ['bytes=1-5', 'bytes=0-', 'bytes 0-5', '', 'x']) assert.throws(() => storedBytes(range), { code: 'FORKFS_PROTOCOL' })
  })

  it('says where bytes belong', () => {
    assert.deepEqual([contentRange(0, 5, 5), contentRange(5, 10, undefined), contentRange(5, 0, 7), contentRange(0, 0, undefined)], ['bytes 0-4/5', 'bytes 5-14/*', 'bytes */7', 'bytes */*'])
  })

  it('takes each answer for what it is', () => {
    const answer = (status: number, headers: Record<string, string> = {}, exclusive = false): unknown => {
      const { kind, error } = answerOf({ status, headers, body: bytes('') }, { path: 'b/o', exclusive }) as { kind: string, error?: { code: string } }
      return error?.code ?? kind
    }
    assert.deepEqual([308, 404, 410, 499, 412, 503, 403, 429].map(status => answer(status)), ['stored', 'gone', 'gone', 'FORKFS_UPLOAD_FAILED', 'FORKFS_CHANGED', 'FORKFS_BACKEND', 'EACCES', 'FORKFS_RATE_LIMITED'])
    assert.equal(answer(412, {}, true), 'EEXIST')
    assert.equal(answer(308, { range: 'nonsense' }), 'FORKFS_PROTOCOL')
    assert.equal(answer(200), 'FORKFS_PROTOCOL')
    assert.equal((answerOf(json({ name: 'o', generation: '1' }), { path: 'b/o' })).kind, 'done')
  })

  it('follows a session to hosts of the store only, and not to another name of a custom endpoint', () => {
    const google = { endpoint: 'https://storage.googleapis.com', custom: false, universeDomain: 'googleapis.com' }
    const emulator = { endpoint: 'http://127.0.0.1:4443', custom: true, universeDomain: 'googleapis.com' }
    assert.deepEqual(sessionPlace('http://0.0.0.0:4443/upload/x?upload_id=1', emulator), { origin: 'http://127.0.0.1:4443', target: '/upload/x', query: 'upload_id=1' })
    assert.equal(sessionPlace('https://eu.storage.googleapis.com/u?upload_id=1', google).origin, 'https://eu.storage.googleapis.com')
    for (const location of [undefined, 'nonsense', 'https://evil.example/u?upload_id=1', 'http://storage.googleapis.com/u?upload_id=1', 'https://storage.googleapis.com.evil.example/u?a=b', 'https://xgoogleapis.com/u?a=b']) {
      assert.throws(() => sessionPlace(location, google), { code: 'FORKFS_PROTOCOL' }, String(location))
    }
  })
})

describe('GCS: replies', () => {
  it('are JSON or are refused', () => {
    assert.deepEqual(parseJson(json({ a: 1 })), { a: 1 })
    const wrong = [{ ...json({}), headers: { 'content-type': 'text/html' } }, { ...json({}), headers: {} }, { ...json({}), body: bytes('{') }, json(null), json('x'), json({ error: {} }), { ...json({}), body: Buffer.from('{"a":"\xff"}', 'latin1') }]
    for (const reply of wrong) assert.throws(() => parseJson(reply), { code: 'FORKFS_PROTOCOL', retry: 'may' })
  })

  it('describe an object, without our own mark', () => {
    const info = infoOf('b/o', { name: 'o', size: '5', updated: '2026-01-02T03:04:05.678Z', generation: '17', crc32c: 'x', metadata: { a: 'b', 'forkfs-write': 'mark' } })
    assert.deepEqual(info, { name: 'b/o', size: 5, type: 'file', modified: new Date('2026-01-02T03:04:05.678Z'), etag: '17', generation: '17', crc32c: 'x', metadata: { a: 'b' } })
  })

  const listed = { name: 'o', size: '5', updated: '2026-01-02T03:04:05.678Z', timeCreated: '2026-01-01T00:00:00.000Z', generation: '17', storageClass: 'STANDARD' }

  it('give plain entries of listings, with the fields that are asked for and no others', () => {
    const entry = entryOf('b/o', { ...listed, crc32c: 'x', contentType: 'text/plain', metageneration: '2', metadata: { a: 'b' } })
    const told = { name: 'b/o', size: 5, type: 'file', modified: new Date(listed.updated), created: new Date(listed.timeCreated), etag: '17', generation: '17', storageClass: 'STANDARD' }
    assert.deepEqual(entry, told)
    assert.deepEqual(structuredClone({ ...entry }), told)
    assert.deepEqual(entryOf('b/o', { name: 'o', size: '0', crc32c: 'x', timeCreated: listed.timeCreated }), { name: 'b/o', size: 0, type: 'file', created: told.created })
    assert.deepEqual(entryOf('b/o', { ...listed, size: '', updated: '' }), { ...entryOf('b/o', { ...listed, size: undefined, updated: undefined }), size: undefined })
    assert.equal('modified' in entryOf('b/o', { ...listed, updated: '' }), false)
  })

  it('give every entry its own dates, also where both are the same moment', () => {
    const { modified, created } = entryOf('b/o', { ...listed, timeCreated: listed.updated })
    assert.deepEqual(modified, created)
    modified!.setTime(0)
    assert.deepEqual(created, new Date(listed.updated))
  })

  it('may tell times in other forms, and are refused when size or time is none', () => {
    const moment = new Date('2026-01-02T03:04:05.678Z')
    for (const updated of ['2026-01-02T03:04:05.678901234Z', '2026-01-02T04:04:05.678+01:00', '2026-01-02T03:04:05.678Z']) assert.deepEqual(entryOf('b/o', { ...listed, updated }).modified, moment, updated)
    for (const wrong of [{ updated: 'yesterday' }, { timeCreated: 'x' }, { timeCreated: '2026-13-01T00:00:00Z' }, { size: 'x' }, { size: '-1' }, { size: '1.5' }]) {
      assert.throws(() => entryOf('b/o', { ...listed, ...wrong }), { code: 'FORKFS_PROTOCOL' }, JSON.stringify(wrong))
      assert.throws(() => infoOf('b/o', { ...listed, ...wrong }), { code: 'FORKFS_PROTOCOL' }, JSON.stringify(wrong))
    }
  })

  it('hold hashes in any order', () => {
    assert.deepEqual(['crc32c=mnG7TA==,md5=x', 'md5=x, crc32c=mnG7TA==', 'md5=x', undefined].map(hashOf), ['mnG7TA==', 'mnG7TA==', undefined, undefined])
  })

  it('of a listing may repeat prefixes: each is told once', () => {
    const reader = new PageReader('b', 'd/', false)
    const names = (items: string[], prefixes: string[]): string[] => reader.entries({ items: items.map(name => ({ name })), prefixes, nextToken: undefined }).map(({ name, type }) => `${name}:${type[0]}`)
    assert.deepEqual(names(['d/', 'd/a', 'd/m/'], ['d/p/', 'd/\uffee/']), ['b/d/a:f', 'b/d/m:d', 'b/d/p:d', 'b/d/\uffee:d'])
    assert.deepEqual(names([], ['d/p/', 'd/\uffee/', 'd/🌍/']), ['b/d/🌍:d']) // in the order of UTF-8, not of UTF-16
    const all = new PageReader('b', 'd/', true)
    assert.equal(all.entries({ items: [{ name: 'd/' }], prefixes: [], nextToken: undefined })[0]!.name, 'b/d/')
  })

  it('of failures tell no secrets', () => {
    const body = bytes(JSON.stringify({ error: { message: 'bad https://h/x?upload_id=SECRET1 Bearer SECRET2 x-goog-signature=SECRET3 upload_id=SECRET4', errors: [{ reason: 'invalid' }] } }))
    const { error, reason } = failureOf(400, { 'x-guploader-uploadid': 'id' }, body, { path: 'b/o' })
    assert.doesNotMatch(error.message, /SECRET/)
    assert.deepEqual([reason, error.code, error.requestId, error.path], ['invalid', 'EINVAL', 'id', 'b/o'])
  })

  it('of failures are conditions by status, reason and what was asked', () => {
    const code = (status: number, reason = '', context = {}, message = ''): string => failureOf(status, {}, bytes(JSON.stringify({ error: { message, errors: [{ reason }] } })), context).error.code
    assert.equal(code(404), 'ENOENT')
    assert.equal(code(404, '', { pinned: true }), 'FORKFS_CHANGED')
    assert.equal(code(412), 'FORKFS_CHANGED')
    assert.equal(code(412, '', { exclusive: true }), 'EEXIST')
    assert.equal(code(409, '', { exclusive: true }), 'EEXIST')
    for (const status of [400, 409, 412]) assert.equal(code(status, '', { removesBucket: true }), 'ENOTEMPTY')
    assert.equal(code(403, 'forbidden'), 'EACCES')
    assert.equal(code(403, 'rateLimitExceeded'), 'FORKFS_RATE_LIMITED')
    assert.equal(code(403, 'retentionPolicyNotMet'), 'EACCES')
    assert.equal(code(400, 'required', {}, 'Bucket is a requester pays bucket but no user project provided.'), 'FORKFS_CONFIG')
    assert.equal(code(400, 'invalid', {}, 'Provided CRC32C "x" doesn\'t match calculated CRC32C "y".'), 'FORKFS_CHECKSUM')
    assert.deepEqual([599, 418].map(status => code(status)), ['FORKFS_BACKEND', 'EINVAL'])
    assert.equal(failureOf(502, {}, bytes('<html>secret page</html>')).error.message.includes('page'), false)
  })
})

describe('GCS: checksums of parts', () => {
  const data = Uint8Array.from({ length: 1000 }, (_, index) => index)
  const text = crc32cText(crc32c(data))

  it('are joined in order, whatever order they come in', () => {
    const check = new PartsCheck()
    check.begin(text)
    for (const start of [600, 0, 300]) check.add(start, data.subarray(start, Math.min(1000, start + (start === 600 ? 400 : 300))))
    check.end(1000)
    check.begin(text)
    check.add(0, data.subarray(0, 999))
    check.add(999, Uint8Array.of(1))
    assert.throws(() => { check.end(1000) }, { code: 'FORKFS_CHECKSUM' })
    check.begin(undefined)
    check.end(1000)
  })
})

describe('GCS: resolveGcs()', () => {
  it('sends tokens to Google\'s hosts, and elsewhere only where it is told to', () => {
    const key = { client_email: 'a@b', private_key: 'k' }
    const authorized = (options: object, env = {}): boolean => resolveGcs(options, env).authorized
    assert.equal(authorized({}), true)
    assert.equal(authorized({ credentials: 'anonymous' }), false)
    assert.equal(authorized({ apiEndpoint: 'https://storage.googleapis.com' }), true)
    assert.equal(authorized({ apiEndpoint: 'https://storage.me-central2.rep.googleapis.com' }), true)
    for (const apiEndpoint of ['http://storage.googleapis.com', 'https://storage.googleapis.com.example', 'https://xgoogleapis.com', 'https://mine.example']) {
      assert.equal(authorized({ apiEndpoint, credentials: key }), false, apiEndpoint)
    }
    assert.equal(authorized({ apiEndpoint: 'https://mine.example', credentials: key, useAuthWithCustomEndpoint: true }), true)
    assert.equal(authorized({ credentials: key }, { STORAGE_EMULATOR_HOST: 'localhost:4443' }), false)
    assert.equal(resolveGcs({ universeDomain: 'other.test' }, {}).endpoint, 'https://storage.other.test')
    assert.equal(resolveGcs({}, { GOOGLE_CLOUD_PROJECT: 'p' }).projectId, 'p')
  })
})
