import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isFsError } from '../../../lib/errors/fs-error.js'
import {
  completeBody, createBucketBody, deleteBody, parseBuckets, parseComplete, parseCopy, parseDelete, parseError, parseInitiate, parseLocation, parseParts,
  parseUploads
} from '../../../implementations/s3/replies.js'
import { ErrorReply, XmlReader } from '../../../implementations/s3/xml.js'
import { bytes } from './fixtures/xml-model.js'

const protocol = (error: unknown): boolean => isFsError(error, 'FORKFS_PROTOCOL')
const time = '2024-05-06T07:08:09.000Z'

describe('replies', () => {
  it('reads the results of uploads and copies', () => {
    assert.equal(parseInitiate(bytes('<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>a&amp;b</UploadId></InitiateMultipartUploadResult>')), 'a&b')
    assert.deepEqual(parseComplete(bytes('<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>')), { etag: '"e-2"' })
    assert.deepEqual(parseCopy(bytes(`<CopyObjectResult><LastModified>${time}</LastModified><ETag>e</ETag></CopyObjectResult>`)), { etag: '"e"', modified: new Date(time) })
    assert.deepEqual(parseCopy(bytes('<CopyPartResult><ETag>"e"</ETag></CopyPartResult>')), { etag: '"e"', modified: undefined })
  })

  it('throws ErrorReply for an error with status 200', () => {
    const late = bytes('<?xml version="1.0"?>\n\n<Error><Code>InternalError</Code><Message>late</Message></Error>')
    for (const parse of [parseInitiate, parseComplete, parseCopy, parseDelete, parseBuckets, parseUploads, parseParts, parseLocation]) {
      assert.throws(() => parse(late), (error: unknown) => error instanceof ErrorReply && error.fields['Code'] === 'InternalError')
      assert.throws(() => parse(bytes('<html></html>')), protocol)
      assert.throws(() => parse(bytes('')), protocol)
    }
    assert.throws(() => parseInitiate(bytes('<InitiateMultipartUploadResult></InitiateMultipartUploadResult>')), protocol)
  })

  it('reads what a batch delete did and did not', () => {
    const reply = parseDelete(bytes('<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b&#1;</Key><Code>AccessDenied</Code><Message>m</Message></Error><Deleted><Key>c</Key><VersionId>v</VersionId></Deleted></DeleteResult>'))
    assert.deepEqual(reply, {
      deleted: [{ key: 'a', versionId: undefined }, { key: 'c', versionId: 'v' }],
      errors: [{ key: 'b\x01', code: 'AccessDenied', message: 'm', versionId: undefined }]
    })
    assert.deepEqual(parseDelete(bytes('<DeleteResult/>')), { deleted: [], errors: [] })
  })

  it('reads buckets, uploads and parts', () => {
    assert.deepEqual(
      parseBuckets(bytes(`<ListAllMyBucketsResult><Owner><ID>x</ID></Owner><Buckets><Bucket><Name>b</Name><CreationDate>${time}</CreationDate></Bucket></Buckets><ContinuationToken>t</ContinuationToken></ListAllMyBucketsResult>`)),
      { buckets: [{ name: 'b', created: new Date(time), region: undefined }], nextToken: 't' })
    assert.deepEqual(
      parseUploads(bytes(`<ListMultipartUploadsResult><Upload><Key>a+b</Key><UploadId>u</UploadId><Initiator><ID>x</ID></Initiator><Initiated>${time}</Initiated></Upload><IsTruncated>true</IsTruncated><EncodingType>url</EncodingType><NextKeyMarker>a%2Bb</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>`)),
      { uploads: [{ key: 'a b', uploadId: 'u', initiated: new Date(time) }], truncated: true, nextKeyMarker: 'a+b', nextUploadIdMarker: 'u' })
    assert.deepEqual(
      parseParts(bytes(`<ListPartsResult><NextPartNumberMarker>7</NextPartNumberMarker><IsTruncated>true</IsTruncated><Part><PartNumber>7</PartNumber><ETag>"e"</ETag><Size>5</Size></Part></ListPartsResult>`)),
      { parts: [{ number: 7, size: 5, etag: '"e"', modified: undefined }], truncated: true, nextMarker: 7 })
  })

  it('reads the region of a bucket', () => {
    assert.equal(parseLocation(bytes('<?xml version="1.0"?><LocationConstraint xmlns="x"/>')), 'us-east-1')
    assert.equal(parseLocation(bytes('<LocationConstraint xmlns="x">EU</LocationConstraint>')), 'eu-west-1')
    assert.equal(parseLocation(bytes('<LocationConstraint>ap-south-1</LocationConstraint>')), 'ap-south-1')
  })

  it('reads an error body, and gives undefined for anything else', () => {
    assert.equal(parseError(bytes('<Error><Code>NoSuchKey</Code><Key>a</Key></Error>'))?.['Code'], 'NoSuchKey')
    for (const other of ['', '<html><body>Bad gateway</body></html>', 'oops', '<Error><Code>', '{}']) assert.equal(parseError(bytes(other)), undefined)
  })
})

describe('request bodies', () => {
  it('carry every key that XML can carry', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 5 }), keys => {
      const reader = new XmlReader(deleteBody(keys.map(key => ({ key, versionId: 'a&b' })), false))
      reader.expect('Delete')
      for (const key of keys) {
        assert.equal(reader.child(), 'Object')
        assert.deepEqual({ ...reader.fields() }, { Key: key, VersionId: 'a&b' })
      }
      assert.equal(reader.child(), undefined)
    }))
  })

  it('refuse what S3 would refuse, or would take for something else', () => {
    assert.throws(() => deleteBody([]), RangeError)
    assert.throws(() => deleteBody(Array.from({ length: 1001 }, () => ({ key: 'a' }))), RangeError)
    assert.throws(() => deleteBody([{ key: 'a\x02' }]), (error: unknown) => isFsError(error, 'FORKFS_NOT_SUPPORTED'))
    assert.throws(() => completeBody([]), RangeError)
  })

  it('sort the parts of an upload', () => {
    const body = completeBody([{ number: 10, etag: '"b"' }, { number: 2, etag: '"a"', crc32: 'x==' }])
    assert.match(body, /<Part><PartNumber>2<\/PartNumber><ETag>&quot;a&quot;<\/ETag><ChecksumCRC32>x==<\/ChecksumCRC32><\/Part><Part><PartNumber>10</)
  })

  it('never name us-east-1', () => {
    assert.equal(createBucketBody('us-east-1'), '')
    assert.match(createBucketBody('eu-west-1'), /<LocationConstraint>eu-west-1<\/LocationConstraint>/)
  })
})
