import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { isFsError } from '../../../lib/errors/fs-error.js'
import { parseList, parseTime } from '../../../implementations/s3/lists.js'
import { ErrorReply } from '../../../implementations/s3/xml.js'
import { bytes, element, leaf, write } from './fixtures/xml-model.js'
import type { Model } from './fixtures/xml-model.js'

const protocol = (error: unknown): boolean => isFsError(error, 'FORKFS_PROTOCOL')
const run = promisify(execFile)

interface Item { readonly key: string, readonly size: number, readonly time: number, readonly etag: string, readonly storageClass: string }

const items = fc.record<Item>({
  key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter(key => !/[\r\ufffe\uffff]/.test(key)),
  size: fc.nat(2 ** 40),
  time: fc.integer({ min: 0, max: 4_000_000_000 }).map(seconds => seconds * 1000),
  etag: fc.stringMatching(/^[0-9a-f]{32}(-[0-9]{1,4})?$/),
  storageClass: fc.constantFrom('STANDARD', 'GLACIER', 'NEW & UNKNOWN')
})

// The way in which S3 writes a key with encoding-type=url.
function urlEncode (key: string): string { return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/') }

const fieldNames = ['Key', 'LastModified', 'ETag', 'Size', 'StorageClass', 'Owner', 'ChecksumAlgorithm', 'RestoreStatus'] as const

function contents (item: Item, order: readonly string[], url: boolean): Model {
  const fields: Record<string, Model> = {
    Key: leaf('Key', url ? urlEncode(item.key) : item.key),
    LastModified: leaf('LastModified', new Date(item.time).toISOString()),
    ETag: leaf('ETag', `"${item.etag}"`),
    Size: leaf('Size', String(item.size)),
    StorageClass: leaf('StorageClass', item.storageClass),
    Owner: element('Owner', [leaf('ID', 'x'), leaf('DisplayName', '')]),
    ChecksumAlgorithm: leaf('ChecksumAlgorithm', 'CRC32'),
    RestoreStatus: element('RestoreStatus', [leaf('IsRestoreInProgress', 'false'), leaf('Key', 'not the key')])
  }
  return element('Contents', order.map(name => fields[name]!))
}

const page = (head: string, entries = ''): Uint8Array => bytes(`<ListBucketResult xmlns="x">${head}${entries}</ListBucketResult>`)
const entry = (key: string, rest = ''): string => `<Contents><Key>${key}</Key><Size>1</Size>${rest}</Contents>`

describe('parseList()', () => {
  it('reads every entry of a page, whatever order, form and encoding it was written in', () => {
    const required = ['Key', 'LastModified', 'ETag', 'Size', 'StorageClass']
    const orders = fc.shuffledSubarray([...fieldNames]).filter(order => required.every(name => order.includes(name as typeof fieldNames[number])))
    fc.assert(fc.property(
      fc.array(items, { maxLength: 8 }), fc.array(orders, { minLength: 1, maxLength: 3 }), fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 15 }), { maxLength: 3 }),
      fc.boolean(), fc.nat(5), fc.option(fc.infiniteStream(fc.nat()), { nil: undefined }),
      (objects, shapes, prefixes, url, place, noise) => {
        const children = [
          ...objects.map((item, i) => contents(item, shapes[i % shapes.length]!, url)),
          ...prefixes.map(prefix => element('CommonPrefixes', [leaf('Prefix', url ? urlEncode(prefix) : prefix)]))
        ]
        children.splice(place % (children.length + 1), 0, ...(url ? [leaf('EncodingType', 'url')] : []), leaf('NextContinuationToken', 'a+b%20='), leaf('Unknown', 'x'))
        const result = parseList(bytes(write(element('ListBucketResult', [leaf('IsTruncated', 'true'), ...children]), noise)))
        assert.equal(result.nextToken, 'a+b%20=')
        assert.equal(result.truncated, true)
        assert.deepEqual(result.prefixes, prefixes)
        assert.deepEqual(result.entries.map(({ key, size, etag, modified, storageClass }) => ({ key, size, etag, time: modified?.getTime(), storageClass })),
          objects.map(({ key, size, etag, time, storageClass }) => ({ key, size, etag: `"${etag}"`, time, storageClass })))
      }), { numRuns: 300 })
  })

  it('gives plain infos', () => {
    const { entries } = parseList(page('', entry('a+b%2Fc', '<ETag>&quot;e&quot;</ETag><LastModified>2024-02-29T12:00:00Z</LastModified>')))
    assert.deepEqual(structuredClone(entries[0]!.toInfo('bucket')),
      { name: 'bucket/a+b%2Fc', size: 1, type: 'file', etag: '"e"', modified: new Date('2024-02-29T12:00:00Z') })
    const whole = parseList(page('', entry('a', '<ETag>&quot;e&quot;</ETag><LastModified>2024-02-29T12:00:00Z</LastModified><StorageClass>GLACIER</StorageClass>'))).entries[0]!
    assert.deepEqual(structuredClone({ ...whole.toInfo('bucket') }), { name: 'bucket/a', size: 1, type: 'file', etag: '"e"', modified: new Date('2024-02-29T12:00:00Z'), storageClass: 'GLACIER' })
    assert.deepEqual(parseList(page('', entry('a'))).entries[0]!.toInfo('bucket'), { name: 'bucket/a', size: 1, type: 'file' })
  })

  it('tells the class of each entry, however they alternate', () => {
    const names = ['STANDARD', 'GLACIER', 'STANDARD', 'A_CLASS_OF_ITS_OWN', 'A_CLASS_OF_ITS_OWN', 'A&amp;B', 'A&amp;amp;B', 'A&amp;B', 'STANDARD']
    const { entries } = parseList(page('', names.map(name => entry('a', `<StorageClass>${name}</StorageClass>`)).join('')))
    assert.deepEqual(entries.map(({ storageClass }) => storageClass), names.map(name => name.replace('&amp;', '&')))
  })

  it('puts quotes around an ETag that has none and keeps a weak one', () => {
    const [plain, weak] = parseList(page('', entry('a', '<ETag>abc</ETag>') + entry('b', '<ETag>W/"x"</ETag>'))).entries
    assert.equal(plain!.etag, '"abc"')
    assert.equal(weak!.etag, 'W/"x"')
  })

  it('takes the marker of the old listing, or the last name by its bytes', () => {
    assert.equal(parseList(page('<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextMarker>a+%C3%A9</NextMarker>')).nextMarker, 'a é')
    assert.equal(parseList(page('<IsTruncated>true</IsTruncated>', entry('a') + entry('b'))).nextMarker, 'b')
    assert.equal(parseList(page('<IsTruncated>true</IsTruncated>', entry('\uff61') + '<CommonPrefixes><Prefix>\u{1f600}/</Prefix></CommonPrefixes>')).nextMarker, '\u{1f600}/')
    assert.equal(parseList(page('<IsTruncated>false</IsTruncated>', entry('a'))).nextMarker, undefined)
  })

  it('throws ErrorReply for an error with status 200', () => {
    assert.throws(() => parseList(bytes('<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>')), ErrorReply)
  })

  it('rejects a page that is cut off anywhere', () => {
    const whole = Buffer.from(page('<IsTruncated>false</IsTruncated>', entry('first') + entry('second') + entry('th&amp;ird')))
    assert.equal(parseList(whole).entries.length, 3)
    for (let length = 0; length < whole.length; length++) assert.throws(() => parseList(whole.subarray(0, length)), protocol)
  })

  it('rejects entries that say nonsense', () => {
    for (const bad of [
      '<Contents><Size>1</Size></Contents>', entry('a', '<Size>x</Size>'), '<Contents><Key>a</Key><Size></Size></Contents>', '<Contents><Key>a</Key><Size>-1</Size></Contents>',
      '<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>', '<Contents><Key>a</Kez></Contents>', '<Contents><Key>a<b/></Key></Contents>',
      entry('a') + '<Contents><Key>b</Key><Size>1</Syze></Contents>', entry('a') + entry('b<c/>')
    ]) assert.throws(() => parseList(page('', bad)), protocol, bad)
    assert.throws(() => parseList(page('<EncodingType>url</EncodingType>', entry('%ff'))), protocol)
    assert.throws(() => parseList(page('', entry('a', '<LastModified>yesterday</LastModified>'))).entries[0]!.modified, protocol)
  })

  it('lets go of the page when infos are kept', async () => {
    const module = new URL('../../../implementations/s3/lists.js', import.meta.url).href
    const script = `
      const { parseList } = await import(${JSON.stringify(module)})
      const entry = '<Contents><Key>' + 'k'.repeat(40) + '</Key><LastModified>2024-05-06T07:08:09.000Z</LastModified><ETag>&quot;' + 'e'.repeat(32) + '&quot;</ETag><Size>1</Size><StorageClass>A_CLASS_OF_ITS_OWN</StorageClass></Contents>'
      const page = Buffer.from('<ListBucketResult><CommonPrefixes><Prefix>' + 'p'.repeat(40) + '</Prefix></CommonPrefixes>' + entry.repeat(1000) + '</ListBucketResult>')
      const measure = pick => {
        gc(); const before = process.memoryUsage().heapUsed; const kept = []
        for (let i = 0; i < 200; i++) kept.push(pick(parseList(page)))
        gc(); return [process.memoryUsage().heapUsed - before, kept.length][0]
      }
      for (let i = 0; i < 200; i++) parseList(page).entries.map(entry => entry.toInfo('b')) // optimised code must let go, too
      console.log(JSON.stringify([measure(({ entries }) => entries[5].toInfo('b')), measure(({ prefixes }) => prefixes[0])]))`
    const { stdout } = await run(process.execPath, ['--expose-gc', '--input-type=module', '-e', script])
    for (const kept of JSON.parse(stdout) as number[]) assert.ok(kept < 1_000_000, `${kept} bytes for 200 of them`) // 200 pages are 45 MB
  })
})

describe('parseTime()', () => {
  it('agrees with Date', () => {
    fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), date => {
      assert.equal(parseTime(date.toISOString()).getTime(), date.getTime())
      assert.equal(parseTime(date.toISOString().slice(0, 19) + 'Z').getTime(), Math.floor(date.getTime() / 1000) * 1000)
    }))
    assert.equal(parseTime('Wed, 12 Oct 2009 17:50:00 GMT').getTime(), Date.UTC(2009, 9, 12, 17, 50))
    for (const text of ['', '2024-13-01T00:00:00Z', '2024-01-01T25:00:00Z', 'x']) assert.throws(() => parseTime(text), protocol)
  })
})
