import assert from 'node:assert/strict'
import { Checksums, takeInsert } from '../../scripts/bench/servers/gcs.js'
import { RequestReader } from '../../scripts/bench/servers/request.js'
import type { Head } from '../../scripts/bench/servers/request.js'

type Seen = [method: string, path: string, bodyBytes: number]

function read (pieces: readonly Buffer[]): Seen[] {
  const seen: Seen[] = []
  const reader = new RequestReader(({ method, path }, bodyBytes) => { seen.push([method, path, bodyBytes]) }, () => {})
  for (const piece of pieces) reader.feed(piece)
  return seen
}

describe('request reader of the benchmark', () => {
  const text = 'PUT /a?x=1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '5\r\n12345\r\nA;name=value\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n' +
    'PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc' +
    'GET /c HTTP/1.1\r\nHost: h\r\n\r\n'
  const expected: Seen[] = [['PUT', '/a', 15], ['PUT', '/b', 3], ['GET', '/c', 0]]

  it('counts bodies in chunks and of known length, wherever the bytes are cut', () => {
    const bytes = Buffer.from(text)
    for (let at = 0; at <= bytes.length; at++) assert.deepEqual(read([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`)
  })

  it('counts bodies that come byte by byte', () => {
    assert.deepEqual(read([...Buffer.from(text)].map(byte => Buffer.from([byte]))), expected)
  })
})

describe('uploads of the benchmark', () => {
  const put = (contentRange: string): Head => ({
    method: 'PUT', path: '/upload/storage/v1/b/bucket/o', query: new URLSearchParams('uploadType=resumable&name=n&upload_id=1'), range: undefined, contentRange, host: 'h'
  })

  it('confirms chunks and ends with the last one', () => {
    const checksums = new Checksums()
    const middle = takeInsert(put('bytes 0-262143/*'), 262_144, checksums)
    assert.equal(middle.status.slice(0, 3), '308')
    assert.match(middle.headers, /^Range: bytes=0-262143\r\n/)
    const last = takeInsert(put('bytes 262144-262146/262147'), 3, checksums)
    assert.equal(last.status.slice(0, 3), '200')
    assert.equal((JSON.parse(last.body) as { readonly size: string }).size, '262147')
  })

  it('takes a body of unknown length as the whole', () => {
    assert.equal((JSON.parse(takeInsert(put('bytes 0-*/*'), 700_000, new Checksums()).body) as { readonly size: string }).size, '700000')
  })

  it('knows the checksum of what the benchmark uploads', () => {
    // What Google's own library computes of so many bytes of 7.
    for (const [bytes, crc] of [[10_240, 'IigJ5w=='], [3 * 1024 * 1024 + 5, 'oBl3/A==']] as const) {
      const made = takeInsert(put('bytes 0-*/*'), bytes, new Checksums())
      assert.equal((JSON.parse(made.body) as { readonly crc32c: string }).crc32c, crc)
    }
  })
})
