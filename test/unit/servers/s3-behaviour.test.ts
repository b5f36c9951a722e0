import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteBucketCommand,
  DeleteObjectCommand, DeleteObjectsCommand, GetBucketLocationCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand, ListBucketsCommand,
  ListMultipartUploadsCommand, ListObjectVersionsCommand, ListObjectsCommand, ListObjectsV2Command, ListPartsCommand, PutBucketVersioningCommand,
  PutObjectCommand, S3Client, UploadPartCommand, UploadPartCopyCommand
} from '@aws-sdk/client-s3'
import { startS3Server } from '../../servers/index.js'
import { refusal } from './support.js'
import type { S3Server } from '../../servers/index.js'
import type { GetObjectCommandInput, ListObjectsV2CommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3'

interface Target {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  close (): Promise<void>
}

const live = process.env['FORKFS_TEST_S3_ENDPOINT'] ?? ''
const part = 5 << 20

behaviour('S3 server', false, () => startS3Server())
if (live !== '') {
  behaviour('real S3 server', true, async () => ({
    endpoint: live,
    accessKeyId: process.env['FORKFS_TEST_S3_ACCESS_KEY'] ?? '',
    secretAccessKey: process.env['FORKFS_TEST_S3_SECRET_KEY'] ?? '',
    close: async () => {}
  }))
}

/**
 * What client-s3 sees: the same for this server and for a real one, so that the fake is never kinder. Where `real` makes a difference, MinIO
 * differs from Amazon, and this server follows Amazon.
 */
function behaviour (name: string, real: boolean, start: () => Promise<Target | S3Server>): void {
  describe(`${name} with client-s3`, function () {
    this.timeout(60_000)
    let target: Target
    let client: S3Client
    let Bucket: string
    const made: string[] = []

    before(async () => {
      target = await start()
      client = new S3Client({
        endpoint: target.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: target.accessKeyId, secretAccessKey: target.secretAccessKey }
      })
    })

    after(async () => {
      for (const bucket of made) await removeBucket(client, bucket)
      client.destroy()
      await target.close()
    })

    beforeEach(async () => {
      Bucket = await newBucket()
    })

    async function newBucket (): Promise<string> {
      const bucket = 'forkfs-' + randomBytes(6).toString('hex')
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      made.push(bucket)
      return bucket
    }

    async function put (Key: string, Body: string | Uint8Array, more: Partial<PutObjectCommandInput> = {}): Promise<string> {
      return (await client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }))).ETag!
    }

    async function text (Key: string, more: Partial<GetObjectCommandInput> = {}): Promise<string> {
      return (await client.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body!.transformToString()
    }

    describe('buckets', () => {
      it('lists, finds and locates a bucket that was made', async () => {
        const { Buckets } = await client.send(new ListBucketsCommand({}))
        assert.ok(Buckets!.some(bucket => bucket.Name === Bucket && bucket.CreationDate instanceof Date))
        assert.equal((await client.send(new HeadBucketCommand({ Bucket }))).$metadata.httpStatusCode, 200)
        assert.equal((await client.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint ?? '', '')
      })

      it('refuses to make a bucket twice, to delete one that is not empty, and to find one that is gone', async () => {
        assert.deepEqual(await refusal(client.send(new CreateBucketCommand({ Bucket }))), { name: 'BucketAlreadyOwnedByYou', status: 409 })
        await put('a', 'x')
        assert.deepEqual(await refusal(client.send(new DeleteBucketCommand({ Bucket }))), { name: 'BucketNotEmpty', status: 409 })
        await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }))
        await client.send(new DeleteBucketCommand({ Bucket }))
        made.splice(made.indexOf(Bucket), 1)
        assert.deepEqual(await refusal(client.send(new HeadBucketCommand({ Bucket }))), { name: 'NotFound', status: 404 })
        assert.deepEqual(await refusal(client.send(new ListObjectsV2Command({ Bucket }))), { name: 'NoSuchBucket', status: 404 })
        assert.deepEqual(await refusal(put('a', 'x')), { name: 'NoSuchBucket', status: 404 })
        assert.deepEqual(await refusal(client.send(new DeleteBucketCommand({ Bucket }))), { name: 'NoSuchBucket', status: 404 })
      })

      it('refuses a name that no bucket can have', async () => {
        assert.deepEqual(await refusal(client.send(new CreateBucketCommand({ Bucket: 'Not_A_Bucket' }))), { name: 'InvalidBucketName', status: 400 })
      })
    })

    describe('reads and writes', () => {
      it('gives back what was put, with its headers, its ETag and its checksum', async () => {
        const body = 'hello world'
        const ETag = await put('dir/hello.txt', body, { ContentType: 'text/plain', CacheControl: 'max-age=5', Metadata: { colour: 'blue' }, ChecksumAlgorithm: 'SHA256' })
        assert.equal(ETag, `"${createHash('md5').update(body).digest('hex')}"`)
        const got = await client.send(new GetObjectCommand({ Bucket, Key: 'dir/hello.txt', ChecksumMode: 'ENABLED' }))
        assert.equal(await got.Body!.transformToString(), body)
        assert.equal(got.ETag, ETag)
        assert.equal(got.ContentType, 'text/plain')
        assert.equal(got.CacheControl, 'max-age=5')
        assert.deepEqual(got.Metadata, { colour: 'blue' })
        assert.equal(got.ContentLength, body.length)
        assert.equal(got.AcceptRanges, 'bytes')
        assert.equal(got.ChecksumSHA256, createHash('sha256').update(body).digest('base64'))
        assert.ok(Math.abs(got.LastModified!.getTime() - Date.now()) < 60_000)
        const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'dir/hello.txt' }))
        assert.deepEqual([head.ContentLength, head.ETag, head.ContentType], [body.length, ETag, 'text/plain'])
        assert.equal(head.ChecksumSHA256, undefined)
      })

      it('keeps an empty object', async () => {
        await put('empty', '')
        assert.equal(await text('empty'), '')
        assert.deepEqual(await refusal(text('empty', { Range: 'bytes=0-0' })), { name: 'InvalidRange', status: 416 })
      })

      it('answers ranges from the start, inside, open, over the end and from the end', async () => {
        await put('digits', '0123456789')
        const cases: [string, string, string][] = [
          ['bytes=0-3', '0123', 'bytes 0-3/10'], ['bytes=4-4', '4', 'bytes 4-4/10'], ['bytes=7-', '789', 'bytes 7-9/10'],
          ['bytes=8-100', '89', 'bytes 8-9/10'], ['bytes=-3', '789', 'bytes 7-9/10'], ['bytes=-100', '0123456789', 'bytes 0-9/10']
        ]
        for (const [Range, expected, ContentRange] of cases) {
          const got = await client.send(new GetObjectCommand({ Bucket, Key: 'digits', Range }))
          assert.deepEqual([await got.Body!.transformToString(), got.ContentRange, got.$metadata.httpStatusCode], [expected, ContentRange, 206], Range)
        }
        const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'digits', Range: 'bytes=2-4' }))
        assert.deepEqual([head.ContentLength, head.ContentRange], [3, 'bytes 2-4/10'])
      })

      it('refuses a range that begins after the end', async () => {
        await put('digits', '0123456789')
        assert.deepEqual(await refusal(text('digits', { Range: 'bytes=10-' })), { name: 'InvalidRange', status: 416 })
        assert.deepEqual(await refusal(text('digits', { Range: 'bytes=-0' })), { name: 'InvalidRange', status: 416 })
        assert.equal(await text('digits', { Range: 'lines=1-2' }), '0123456789')
      })

      it('refuses to read what is not there', async () => {
        assert.deepEqual(await refusal(text('missing')), { name: 'NoSuchKey', status: 404 })
        assert.deepEqual(await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'missing' }))), { name: 'NotFound', status: 404 })
      })

      it('overwrites, and deletes what is there or not', async () => {
        await put('a', 'one')
        await put('a', 'two')
        assert.equal(await text('a'), 'two')
        for (let i = 0; i < 2; i++) assert.equal((await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }))).$metadata.httpStatusCode, 204)
        assert.deepEqual(await refusal(text('a')), { name: 'NoSuchKey', status: 404 })
      })

      it('refuses a body that does not fit its checksum or its MD5', async () => {
        assert.deepEqual(await refusal(put('a', 'x', { ChecksumCRC32: 'AAAAAA==' })), { name: real ? 'XAmzContentChecksumMismatch' : 'BadDigest', status: 400 })
        assert.deepEqual(await refusal(put('a', 'x', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' })), { name: 'BadDigest', status: 400 })
        assert.deepEqual(await refusal(put('a', 'x', { ContentMD5: 'short' })), { name: 'InvalidDigest', status: 400 })
        assert.deepEqual(await refusal(text('a')), { name: 'NoSuchKey', status: 404 })
      })

      it('takes a stream of known length as signed chunks with a trailer', async () => {
        const body = randomBytes(200_000)
        const { Readable } = await import('node:stream')
        const stream = Readable.from([body.subarray(0, 100_000), body.subarray(100_000)], { objectMode: false })
        await client.send(new PutObjectCommand({ Bucket, Key: 'stream', Body: stream, ContentLength: body.byteLength }))
        const got = await client.send(new GetObjectCommand({ Bucket, Key: 'stream', ChecksumMode: 'ENABLED' }))
        assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), body)
        const sum = Buffer.alloc(4)
        sum.writeUInt32BE(crc32(body))
        assert.equal(got.ChecksumCRC32, sum.toString('base64'))
        assert.equal(got.ContentEncoding, undefined)
      })
    })

    describe('conditions', () => {
      it('compares ETags and dates of a read', async () => {
        const ETag = await put('a', 'x')
        const other = '"00000000000000000000000000000000"'
        const past = new Date(Date.now() - 86_400_000)
        const future = new Date(Date.now() + 3_600_000)
        assert.equal(await text('a', { IfMatch: ETag }), 'x')
        assert.deepEqual(await refusal(text('a', { IfMatch: other })), { name: 'PreconditionFailed', status: 412 })
        assert.equal(await text('a', { IfNoneMatch: other }), 'x')
        assert.equal((await refusal(text('a', { IfNoneMatch: ETag }))).status, 304)
        assert.equal(await text('a', { IfModifiedSince: past }), 'x')
        assert.equal((await refusal(text('a', { IfModifiedSince: new Date() }))).status, 304)
        assert.equal(await text('a', { IfUnmodifiedSince: future }), 'x')
        assert.deepEqual(await refusal(text('a', { IfUnmodifiedSince: past })), { name: 'PreconditionFailed', status: 412 })
        assert.equal(await text('a', { IfMatch: ETag, IfUnmodifiedSince: past }), 'x')
        assert.equal((await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'a', IfMatch: other })))).status, 412)
      })

      it('puts only when the key is free, or still holds what was seen', async () => {
        const ETag = await put('a', 'one', { IfNoneMatch: '*' })
        assert.deepEqual(await refusal(put('a', 'two', { IfNoneMatch: '*' })), { name: 'PreconditionFailed', status: 412 })
        assert.deepEqual(await refusal(put('a', 'two', { IfMatch: '"00000000000000000000000000000000"' })), { name: 'PreconditionFailed', status: 412 })
        assert.equal(await text('a'), 'one')
        await put('a', 'two', { IfMatch: ETag })
        assert.equal(await text('a'), 'two')
        assert.equal((await refusal(put('missing', 'x', { IfMatch: ETag }))).status, 404)
      })

      it('lets one of many exclusive writers win', async () => {
        const results = await Promise.all(Array.from({ length: 8 }, (_, i) => refusal(put('once', `writer ${i}`, { IfNoneMatch: '*' }))))
        assert.equal(results.filter(result => result.name === 'resolved').length, 1)
      })
    })

    describe('keys', () => {
      const odd = ['a b', 'a+b', 'a%2Fb', 'a?b=c', 'a#b', 'a&b', 'ü/ß', 'e\u0301', '\u00e9', 'emoji-\u{1F600}', '!\'()*', 'semi;colon:at@', '"quoted"', '<tag>', 'tab\there', 'x'.repeat(255) + '/y']

      it('keeps odd names apart and lists them as they are', async () => {
        for (const Key of odd) await put(Key, Key)
        for (const Key of odd) assert.equal(await text(Key), Key, Key)
        const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }))
        const listed = Contents!.map(object => decodeURIComponent(object.Key!.replaceAll('+', ' ')))
        assert.deepEqual(listed, [...odd].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
      })

      it('refuses a key of more than 1,024 bytes', async () => {
        const key = ('\u00fc'.repeat(100) + '/').repeat(6)
        assert.deepEqual(await refusal(put(key, 'x')), { name: 'KeyTooLongError', status: 400 })
        const longest = `${'a'.repeat(200)}/`.repeat(6).slice(0, 1024)
        await put(longest, 'x')
        assert.equal(await text(longest), 'x')
      })
    })

    describe('listings', () => {
      async function keysOf (input: Partial<ListObjectsV2CommandInput>): Promise<{ keys: string[], prefixes: string[], pages: number }> {
        const keys: string[] = []
        const prefixes: string[] = []
        let ContinuationToken: string | undefined
        let pages = 0
        do {
          const found = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken, ...input }))
          keys.push(...(found.Contents ?? []).map(object => object.Key!))
          prefixes.push(...(found.CommonPrefixes ?? []).map(prefix => prefix.Prefix!))
          assert.equal(found.KeyCount, (found.Contents?.length ?? 0) + (found.CommonPrefixes?.length ?? 0))
          assert.equal(found.IsTruncated, found.NextContinuationToken !== undefined)
          ContinuationToken = found.NextContinuationToken
          pages++
        } while (ContinuationToken !== undefined)
        return { keys, prefixes, pages }
      }

      it('pages at 0, 1, 1000, 1001 and 2500 keys', async () => {
        const names = Array.from({ length: 2500 }, (_, i) => `k${String(i).padStart(5, '0')}`)
        let there = 0
        for (const [count, pages] of [[0, 1], [1, 1], [1000, 1], [1001, 2], [2500, 3]] as const) {
          for (; there < count; there += 50) await Promise.all(names.slice(there, Math.min(there + 50, count)).map(key => put(key, '1')))
          there = count
          const found = await keysOf({})
          assert.deepEqual(found.keys, names.slice(0, count), String(count))
          assert.equal(found.pages, pages, String(count))
        }
      })

      it('rolls up at a delimiter, over pages of any size, and starts after a name', async () => {
        const same = real ? [] : ['a'] // MinIO hides what lies under a name that is an object itself, and stops a small page at one with a slash
        const names = [...same, 'a.b', 'a/b', 'a/c', 'a/d/e', real ? 'b/a' : 'b/', 'b/x', 'c', real ? 'd/a/e' : 'd//e', 'd/f']
        for (const key of names) await put(key, '1')
        for (const MaxKeys of [1, 2, 3, 1000]) {
          assert.deepEqual((await keysOf({ MaxKeys })).keys, names)
          const rolled = await keysOf({ MaxKeys, Delimiter: '/' })
          assert.deepEqual([rolled.keys, rolled.prefixes], [[...same, 'a.b', 'c'], ['a/', 'b/', 'd/']], String(MaxKeys))
          const inside = await keysOf({ MaxKeys, Delimiter: '/', Prefix: 'a/' })
          assert.deepEqual([inside.keys, inside.prefixes], [['a/b', 'a/c'], ['a/d/']])
        }
        assert.deepEqual((await keysOf({ StartAfter: 'a/c' })).keys, names.slice(names.indexOf('a/c') + 1))
        assert.deepEqual((await keysOf({ StartAfter: 'b' })).keys, names.slice(names.indexOf('b/x') - 1))
        const later = await keysOf({ StartAfter: 'a/b', Delimiter: '/' })
        assert.deepEqual([later.keys, later.prefixes], [['c'], ['b/', 'd/']])
        const behind = await keysOf({ StartAfter: 'b/', Delimiter: '/' })
        assert.deepEqual([behind.keys, behind.prefixes], [['c'], ['d/']])
        assert.deepEqual((await keysOf({ Prefix: 'nothing' })).keys, [])
        const none = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }))
        assert.deepEqual([none.IsTruncated, none.KeyCount], [false, 0])
      })

      it('goes on from a marker in the first version of the listing', async () => {
        for (const key of ['a/1', 'a/2', 'b', 'c/1', 'd']) await put(key, '1')
        const first = await client.send(new ListObjectsCommand({ Bucket, MaxKeys: 2, Delimiter: '/' }))
        assert.deepEqual([first.CommonPrefixes?.map(prefix => prefix.Prefix), first.Contents?.map(object => object.Key), first.IsTruncated], [['a/'], ['b'], true])
        const second = await client.send(new ListObjectsCommand({ Bucket, Delimiter: '/', Marker: first.NextMarker }))
        assert.deepEqual([second.CommonPrefixes?.map(prefix => prefix.Prefix), second.Contents?.map(object => object.Key), second.IsTruncated], [['c/'], ['d'], false])
      })
    })

    describe('deleting many', () => {
      it('names what was deleted, or nothing when asked to be quiet', async () => {
        for (const key of ['a', 'b', 'c&<d>']) await put(key, '1')
        const loud = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'a' }, { Key: 'missing' }] } }))
        assert.deepEqual(loud.Deleted?.map(({ Key }) => Key).sort(), ['a', 'missing'])
        const quiet = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: [{ Key: 'b' }, { Key: 'c&<d>' }] } }))
        assert.equal(quiet.Deleted, undefined)
        assert.equal((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0)
      })

      it('takes 1,000 keys and no more, and not none', async () => {
        const Objects = Array.from({ length: 1001 }, (_, i) => ({ Key: `k${i}` }))
        assert.equal((await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Objects.slice(1) } }))).Deleted?.length, 1000)
        assert.deepEqual(await refusal(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))), { name: 'MalformedXML', status: 400 })
        assert.deepEqual(await refusal(client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [] } }))), { name: 'MalformedXML', status: 400 })
      })
    })

    describe('copies', () => {
      it('reads an encoded and a plain source, and keeps or replaces the metadata', async () => {
        const ETag = await put('from/a b+c', 'content', { ContentType: 'text/plain', Metadata: { n: '1' } })
        for (const CopySource of [`${Bucket}/${encodeURIComponent('from/a b+c')}`, `/${Bucket}/from/a%20b%2Bc`]) {
          const done = await client.send(new CopyObjectCommand({ Bucket, Key: 'to', CopySource }))
          assert.equal(done.CopyObjectResult?.ETag, ETag)
          const got = await client.send(new HeadObjectCommand({ Bucket, Key: 'to' }))
          assert.deepEqual([got.ContentType, got.Metadata], ['text/plain', { n: '1' }])
        }
        await client.send(new CopyObjectCommand({ Bucket, Key: 'to', CopySource: `${Bucket}/to`, MetadataDirective: 'REPLACE', ContentType: 'text/css', Metadata: { m: '2' } }))
        const got = await client.send(new HeadObjectCommand({ Bucket, Key: 'to' }))
        assert.deepEqual([got.ContentType, got.Metadata], ['text/css', { m: '2' }])
      })

      it('refuses a missing source, a changed source, and a copy onto itself', async () => {
        const ETag = await put('a', 'x')
        const copy = (more: object): Promise<unknown> => client.send(new CopyObjectCommand({ Bucket, Key: 'b', CopySource: `${Bucket}/a`, ...more }))
        assert.deepEqual(await refusal(copy({ CopySource: `${Bucket}/missing` })), { name: 'NoSuchKey', status: 404 })
        assert.deepEqual(await refusal(copy({ CopySource: `${Bucket}-none/a` })), { name: 'NoSuchBucket', status: 404 })
        assert.deepEqual(await refusal(copy({ CopySourceIfMatch: '"00000000000000000000000000000000"' })), { name: 'PreconditionFailed', status: 412 })
        assert.deepEqual(await refusal(copy({ CopySourceIfNoneMatch: ETag })), { name: 'PreconditionFailed', status: 412 })
        assert.deepEqual(await refusal(copy({ Key: 'a' })), { name: 'InvalidRequest', status: 400 })
        await copy({ CopySourceIfMatch: ETag })
        assert.equal(await text('b'), 'x')
      })
    })

    describe('multipart uploads', () => {
      async function begin (Key: string, more: object = {}): Promise<string> {
        return (await client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId!
      }

      async function add (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array): Promise<{ PartNumber: number, ETag: string }> {
        const { ETag } = await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }))
        return { PartNumber, ETag: ETag! }
      }

      function complete (Key: string, UploadId: string, Parts: object[], more: object = {}): Promise<{ ETag?: string | undefined }> {
        return client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts }, ...more }))
      }

      it('puts the parts together by number, with an ETag of their count', async () => {
        const [one, two] = [randomBytes(part), randomBytes(1000)]
        const id = await begin('big', { ContentType: 'text/plain', Metadata: { a: 'b' } })
        const second = await add('big', id, 2, two)
        const first = await add('big', id, 1, one)
        assert.deepEqual(await refusal(text('big')), { name: 'NoSuchKey', status: 404 })
        const done = await complete('big', id, [first, second])
        const md5 = (data: Uint8Array): Buffer => createHash('md5').update(data).digest()
        assert.equal(done.ETag, `"${createHash('md5').update(Buffer.concat([md5(one), md5(two)])).digest('hex')}-2"`)
        const got = await client.send(new GetObjectCommand({ Bucket, Key: 'big' }))
        assert.deepEqual(Buffer.from(await got.Body!.transformToByteArray()), Buffer.concat([one, two]))
        assert.deepEqual([got.ContentType, got.Metadata], ['text/plain', { a: 'b' }])
        const byNumber = await client.send(new GetObjectCommand({ Bucket, Key: 'big', PartNumber: 2 }))
        assert.deepEqual([byNumber.PartsCount, byNumber.ContentRange], [2, `bytes ${part}-${part + 999}/${part + 1000}`])
        assert.deepEqual(Buffer.from(await byNumber.Body!.transformToByteArray()), two)
        assert.deepEqual(await refusal(complete('big', id, [first, second])), { name: 'NoSuchUpload', status: 404 })
      })

      it('refuses parts that are missing, changed, out of order or too small, and none', async () => {
        const id = await begin('bad')
        const first = await add('bad', id, 1, Buffer.from('small'))
        const second = await add('bad', id, 2, Buffer.from('last'))
        assert.deepEqual(await refusal(complete('bad', id, [first, { PartNumber: 3, ETag: first.ETag }])), { name: 'InvalidPart', status: 400 })
        assert.deepEqual(await refusal(complete('bad', id, [{ PartNumber: 1, ETag: second.ETag }])), { name: 'InvalidPart', status: 400 })
        assert.deepEqual(await refusal(complete('bad', id, [second, first])), { name: 'InvalidPartOrder', status: 400 })
        assert.deepEqual(await refusal(complete('bad', id, [first, second])), { name: 'EntityTooSmall', status: 400 })
        assert.deepEqual(await refusal(complete('bad', id, [])), { name: real ? 'InvalidRequest' : 'MalformedXML', status: 400 })
        await complete('bad', id, [second])
        assert.equal(await text('bad'), 'last')
      })

      it('knows no upload after an abort, nor one of another key', async () => {
        const id = await begin('gone')
        await add('gone', id, 1, Buffer.from('x'))
        assert.deepEqual(await refusal(add('other', id, 1, Buffer.from('x'))), { name: 'NoSuchUpload', status: 404 })
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'gone', UploadId: id }))
        assert.deepEqual(await refusal(add('gone', id, 1, Buffer.from('x'))), { name: 'NoSuchUpload', status: 404 })
        assert.deepEqual(await refusal(client.send(new ListPartsCommand({ Bucket, Key: 'gone', UploadId: id }))), { name: 'NoSuchUpload', status: 404 })
        const again = await refusal(client.send(new AbortMultipartUploadCommand({ Bucket, Key: 'gone', UploadId: id })))
        assert.deepEqual(again, real ? { name: 'resolved', status: undefined } : { name: 'NoSuchUpload', status: 404 })
      })

      it('refuses part numbers under 1 and over 10,000', async () => {
        const id = await begin('n')
        for (const number of [0, 10_001]) {
          assert.deepEqual(await refusal(add('n', id, number, Buffer.from('x'))), { name: real && number === 0 ? 'InvalidPart' : 'InvalidArgument', status: 400 }, String(number))
        }
      })

      it('lists parts over pages and the upload itself', async () => {
        const id = await begin('listed')
        for (const number of [1, 2, 5]) await add('listed', id, number, Buffer.from('x'.repeat(number)))
        const first = await client.send(new ListPartsCommand({ Bucket, Key: 'listed', UploadId: id, MaxParts: 2 }))
        assert.deepEqual([first.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]), first.IsTruncated], [[[1, 1], [2, 2]], true])
        const second = await client.send(new ListPartsCommand({ Bucket, Key: 'listed', UploadId: id, PartNumberMarker: first.NextPartNumberMarker }))
        assert.deepEqual([second.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size]), second.IsTruncated], [[[5, 5]], false])
        const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'listed' }))
        assert.deepEqual(Uploads?.map(upload => [upload.Key, upload.UploadId]), [['listed', id]])
      })

      it('copies parts from objects, by range', async () => {
        await put('source', '0123456789')
        const id = await begin('joined')
        const copy = (CopySourceRange: string): Promise<{ CopyPartResult?: { ETag?: string | undefined } | undefined }> =>
          client.send(new UploadPartCopyCommand({ Bucket, Key: 'joined', UploadId: id, PartNumber: 1, CopySource: `${Bucket}/source`, CopySourceRange }))
        assert.equal((await refusal(copy('bytes=5-10'))).status, 400)
        assert.equal((await refusal(copy('bytes=5-'))).status, 400)
        const { CopyPartResult } = await copy('bytes=2-4')
        await complete('joined', id, [{ PartNumber: 1, ETag: CopyPartResult!.ETag! }])
        assert.equal(await text('joined'), '234')
      })

      it('completes only when the key is free, or still holds what was seen', async () => {
        const ETag = await put('taken', 'old')
        const id = await begin('taken')
        const first = await add('taken', id, 1, Buffer.from('new'))
        assert.deepEqual(await refusal(complete('taken', id, [first], { IfNoneMatch: '*' })), { name: 'PreconditionFailed', status: 412 })
        assert.equal(await text('taken'), 'old')
        await complete('taken', id, [first], { IfMatch: ETag })
        assert.equal(await text('taken'), 'new')
      })

      it('makes a checksum of the checksums of its parts', async () => {
        const id = await begin('sums', { ChecksumAlgorithm: 'CRC32' })
        const bodies = [randomBytes(part), randomBytes(10)]
        const parts = []
        for (const [index, body] of bodies.entries()) {
          const done = await client.send(new UploadPartCommand({ Bucket, Key: 'sums', UploadId: id, PartNumber: index + 1, Body: body, ChecksumAlgorithm: 'CRC32' }))
          parts.push({ PartNumber: index + 1, ETag: done.ETag!, ChecksumCRC32: done.ChecksumCRC32! })
        }
        await complete('sums', id, parts)
        const joined = Buffer.alloc(8)
        bodies.forEach((body, index) => joined.writeUInt32BE(crc32(body), 4 * index))
        const sum = Buffer.alloc(4)
        sum.writeUInt32BE(crc32(joined))
        const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'sums', ChecksumMode: 'ENABLED' }))
        assert.equal(head.ChecksumCRC32, `${sum.toString('base64')}-2`)
      })
    })

    describe('versions', () => {
      it('keeps old versions and delete markers where versioning is on', async () => {
        await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }))
        const one = await client.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'one' }))
        const two = await client.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'two' }))
        assert.notEqual(one.VersionId, two.VersionId)
        assert.equal(await text('v'), 'two')
        assert.equal(await text('v', { VersionId: one.VersionId }), 'one')
        const gone = await client.send(new DeleteObjectCommand({ Bucket, Key: 'v' }))
        assert.equal(gone.DeleteMarker, true)
        assert.deepEqual(await refusal(text('v')), { name: 'NoSuchKey', status: 404 })
        assert.equal((await refusal(text('v', { VersionId: gone.VersionId }))).status, 405)
        assert.equal((await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0)
        const all = await client.send(new ListObjectVersionsCommand({ Bucket }))
        assert.deepEqual(all.Versions?.map(version => version.VersionId), [two.VersionId, one.VersionId])
        assert.deepEqual(all.DeleteMarkers?.map(marker => marker.IsLatest), [true])
        await client.send(new DeleteObjectCommand({ Bucket, Key: 'v', VersionId: gone.VersionId }))
        assert.equal(await text('v'), 'two')
        assert.equal((await refusal(text('v', { VersionId: 'bd4a6b3c-0000-4000-8000-000000000000' }))).status, 404)
      })
    })
  })
}

async function removeBucket (client: S3Client, Bucket: string): Promise<void> {
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket }))
  for (const { Key, UploadId } of uploads.Uploads ?? []) await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))
  for (let left = true; left;) {
    const found = await client.send(new ListObjectVersionsCommand({ Bucket }))
    const Objects = [...found.Versions ?? [], ...found.DeleteMarkers ?? []].map(({ Key, VersionId }) => ({ Key: Key!, VersionId }))
    if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Objects.slice(0, 1000) } }))
    left = Objects.length > 0
  }
  await client.send(new DeleteBucketCommand({ Bucket }))
}
