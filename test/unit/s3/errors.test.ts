import assert from 'node:assert/strict'
import { failureOf, failureOfFields, s3Conditions } from '../../../implementations/s3/errors.js'
import { bytes } from './fixtures/xml-model.js'

const body = (code: string, rest = ''): Uint8Array => bytes(`<Error><Code>${code}</Code>${rest}</Error>`)
const none = new Uint8Array()

describe('failureOf()', () => {
  it('goes by the code of the body', () => {
    const expected: Readonly<Record<string, readonly [number, string, string]>> = {
      NoSuchKey: [404, 'ENOENT', 'never'], NoSuchBucket: [404, 'ENOENT', 'never'], NoSuchUpload: [404, 'ENOENT', 'never'], NoSuchVersion: [404, 'ENOENT', 'never'],
      AccessDenied: [403, 'EACCES', 'never'], AllAccessDisabled: [403, 'EACCES', 'never'], InvalidObjectState: [403, 'EACCES', 'never'],
      InvalidAccessKeyId: [403, 'FORKFS_CREDENTIALS', 'never'], SignatureDoesNotMatch: [403, 'FORKFS_CREDENTIALS', 'never'], ExpiredToken: [400, 'FORKFS_CREDENTIALS', 'never'],
      RequestTimeTooSkewed: [403, 'FORKFS_CLOCK_SKEW', 'never'], PermanentRedirect: [301, 'FORKFS_REGION', 'never'], PreconditionFailed: [412, 'FORKFS_CHANGED', 'never'],
      ConditionalRequestConflict: [409, 'FORKFS_CHANGED', 'may'], InvalidRange: [416, 'FORKFS_RANGE', 'never'], SlowDown: [503, 'FORKFS_RATE_LIMITED', 'may'],
      TooManyRequests: [429, 'FORKFS_RATE_LIMITED', 'may'], ServiceUnavailable: [503, 'FORKFS_BACKEND', 'may'], InternalError: [500, 'FORKFS_BACKEND', 'may'],
      RequestTimeout: [400, 'ETIMEDOUT', 'may'], BadDigest: [400, 'FORKFS_CHECKSUM', 'may'], EntityTooLarge: [400, 'EINVAL', 'never'], InvalidPart: [400, 'EINVAL', 'never'],
      KeyTooLongError: [400, 'EINVAL', 'never'], BucketAlreadyExists: [409, 'EEXIST', 'never'], BucketNotEmpty: [409, 'ENOTEMPTY', 'never'],
      MethodNotAllowed: [405, 'FORKFS_NOT_SUPPORTED', 'never'], NotImplemented: [501, 'FORKFS_NOT_SUPPORTED', 'never'], QuotaExceeded: [403, 'ENOSPC', 'never'],
      XMinioStorageFull: [507, 'ENOSPC', 'never'], XMinioParentIsObject: [400, 'ENOTDIR', 'never'], XMinioServerNotInitialized: [503, 'FORKFS_BACKEND', 'may']
    }
    for (const [s3Code, [status, code, retry]] of Object.entries(expected)) {
      const { error, s3Code: seen } = failureOf(status, { 'x-amz-request-id': 'R1' }, body(s3Code), { operation: 'info', path: 'b/k' })
      assert.deepEqual([s3Code, error.code, error.retry, error.status, error.requestId, error.path, error.operation, seen], [s3Code, code, retry, status, 'R1', 'b/k', 'info', s3Code])
    }
    assert.ok(Object.isFrozen(s3Conditions))
  })

  it('goes by the status where there is no body, or one of a proxy', () => {
    for (const [status, code, retry] of [
      [400, 'EINVAL', 'never'], [401, 'FORKFS_CREDENTIALS', 'never'], [403, 'EACCES', 'never'], [404, 'ENOENT', 'never'], [408, 'ETIMEDOUT', 'may'], [412, 'FORKFS_CHANGED', 'never'],
      [416, 'FORKFS_RANGE', 'never'], [418, 'FORKFS_BACKEND', 'never'], [429, 'FORKFS_RATE_LIMITED', 'may'], [500, 'FORKFS_BACKEND', 'may'], [502, 'FORKFS_BACKEND', 'may'],
      [503, 'FORKFS_BACKEND', 'may'], [504, 'FORKFS_BACKEND', 'may'], [599, 'FORKFS_BACKEND', 'may']
    ] as const) {
      for (const reply of [none, bytes('<html><body>nginx</body></html>')]) {
        const { error } = failureOf(status, {}, reply)
        assert.deepEqual([status, error.code, error.retry], [status, code, retry])
      }
    }
  })

  it('goes by the status for a code that nobody knows, and is not led astray by its name', () => {
    assert.equal(failureOf(404, {}, body('BrandNew')).error.code, 'ENOENT')
    for (const name of ['constructor', '__proto__', 'toString']) assert.equal(failureOf(500, {}, body(name)).error.code, 'FORKFS_BACKEND')
  })

  it('calls a refused exclusive create EEXIST', () => {
    assert.equal(failureOf(412, {}, body('PreconditionFailed'), { exclusive: true }).error.code, 'EEXIST')
    assert.equal(failureOf(412, {}, none, { exclusive: true }).error.code, 'EEXIST')
    assert.equal(failureOf(409, {}, body('ConditionalRequestConflict'), { exclusive: true }).error.code, 'FORKFS_CHANGED')
  })

  it('tells the client to fetch new credentials', () => {
    for (const code of ['ExpiredToken', 'TokenRefreshRequired', 'InvalidToken']) assert.equal(failureOf(400, {}, body(code)).action, 'refresh-credentials')
    assert.equal(failureOf(400, {}, none).action, 'refresh-credentials') // HEAD
    assert.equal(failureOf(400, {}, body('InvalidArgument')).action, undefined)
    assert.equal(failureOf(400, {}, body('BrandNew')).action, undefined)
  })

  it('tells the client which region to go to, wherever the store says it', () => {
    const cases: readonly (readonly [number, Readonly<Record<string, string>>, Uint8Array])[] = [
      [301, { 'x-amz-bucket-region': 'eu-west-1' }, none],
      [400, { 'x-amz-bucket-region': 'eu-west-1' }, none],
      [400, {}, body('AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>')],
      [301, {}, body('PermanentRedirect', '<Endpoint>data.s3-eu-west-1.amazonaws.com</Endpoint>')],
      [307, {}, body('TemporaryRedirect', '<Endpoint>data.s3.eu-west-1.amazonaws.com</Endpoint>')]
    ]
    for (const [status, headers, reply] of cases) {
      const failure = failureOf(status, headers, reply)
      assert.deepEqual([failure.action, failure.region, failure.error.code], ['region', 'eu-west-1', 'FORKFS_REGION'])
    }
  })

  it('never takes a host name from the store', () => {
    for (const region of ['evil.example/', 'a@b', 'x.y', '']) {
      const failure = failureOf(301, { 'x-amz-bucket-region': region }, body('PermanentRedirect', `<Region>${region}</Region><Endpoint>evil.example</Endpoint>`))
      assert.deepEqual([failure.action, failure.region], ['region', undefined])
    }
  })

  it('tells the client the time of the store', () => {
    const told = failureOf(403, { date: 'Mon, 06 May 2024 07:00:00 GMT' }, body('RequestTimeTooSkewed', '<ServerTime>2024-05-06T07:08:09Z</ServerTime>'))
    assert.deepEqual([told.action, told.serverTime?.toISOString()], ['clock', '2024-05-06T07:08:09.000Z'])
    const now = Date.parse('2024-05-06T09:00:00Z')
    const silent = failureOf(403, { date: 'Mon, 06 May 2024 07:00:00 GMT' }, none, { now })
    assert.deepEqual([silent.action, silent.error.code, silent.serverTime?.toISOString()], ['clock', 'FORKFS_CLOCK_SKEW', '2024-05-06T07:00:00.000Z'])
    const inTime = failureOf(403, { date: 'Mon, 06 May 2024 08:50:00 GMT' }, none, { now })
    assert.deepEqual([inTime.action, inTime.error.code], [undefined, 'EACCES'])
  })

  it('keeps secrets and signed URLs out of messages', () => {
    const secrets = ['hunter2', 'FwoGZXIvYXdz', 'deadbeef01']
    const text = `Bad <x> at https://u:hunter2@b.example/k?X-Amz-Security-Token=FwoGZXIvYXdz&amp;X-Amz-Signature=deadbeef01 Signature=deadbeef01 X-Amz-Security-Token: FwoGZXIvYXdz`.replace(' <x>', '')
    for (const code of ['AccessDenied', 'SignatureDoesNotMatch', 'Unknown', 'InvalidArgument']) {
      const { error } = failureOf(403, {}, body(code, `<Message>${text}</Message><StringToSign>deadbeef01</StringToSign><AWSAccessKeyId>AKIA</AWSAccessKeyId>`))
      for (const secret of secrets) assert.ok(!JSON.stringify(error).includes(secret) && !error.message.includes(secret), `${code}: ${error.message}`)
    }
  })
})

describe('failureOfFields()', () => {
  it('translates an error that came with status 200', () => {
    const failure = failureOfFields({ Code: 'SlowDown', Message: 'm' }, {}, { path: 'b/k' })
    assert.deepEqual([failure.error.code, failure.error.retry, failure.error.path], ['FORKFS_RATE_LIMITED', 'may', 'b/k'])
    assert.equal(failureOfFields({}).error.code, 'FORKFS_BACKEND')
  })
})
