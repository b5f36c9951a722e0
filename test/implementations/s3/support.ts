/** S3 as the shared suites see it, on the server of this repository or on one that the environment names. */
import type { CommonOptions } from '../../../lib/index.js'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import type { S3Options } from '../../../implementations/s3/index.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server, S3ServerOptions } from '../../servers/index.js'
import type { Kind } from '../object-store/kind.js'
import { storesOf } from '../object-store/stores.js'
import type * as shared from '../object-store/stores.js'

export { code, MiB, pattern } from '../data.js'

export type Options = S3Options & CommonOptions & Record<string, unknown>
export type Store = shared.Store<S3FileSystem, Options>
export type FaultyStore = shared.FaultyStore<S3FileSystem, S3Server, Options>

function outside (): Options | undefined {
  const { FORKFS_TEST_S3_ENDPOINT: endpoint, FORKFS_TEST_S3_ACCESS_KEY: accessKeyId, FORKFS_TEST_S3_SECRET_KEY: secretAccessKey, FORKFS_TEST_S3_REGION: region } = process.env
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { endpoint, region: region ?? 'us-east-1', credentials: { accessKeyId, secretAccessKey } }
}

export const s3: Kind<S3FileSystem, S3Server, S3ServerOptions, Options> = {
  ...storesOf<S3FileSystem, S3Server, S3ServerOptions, Options>({
    start: startS3Server,
    optionsOf: ({ endpoint, region, accessKeyId, secretAccessKey, sessionToken }) => ({ endpoint, region, credentials: { accessKeyId, secretAccessKey, sessionToken } }),
    make: options => new S3FileSystem(options),
    empty: { buckets: [] },
    outside: outside()
  }),
  protocol: 's3',
  aliases: [],
  named: false,
  operations: { read: 'GetObject', look: 'HeadObject', list: 'ListObjectsV2', put: 'PutObject', part: 'UploadPart', cancel: 'AbortMultipartUpload' },
  words: { forbidden: 'AccessDenied', busy: 'FORKFS_RATE_LIMITED' },
  framesUploads: false,
  tellsMissing: false,
  versions: { kept: { versioning: ['kept'] }, named: (path, { versionId }) => `${path}?versionId=${String(versionId)}` },
  credentials: {
    service: 's3:credentials',
    name: 'accessKeyId',
    more: { secretAccessKey: 'secret' },
    from: module => ({ credentials: undefined, credentialsModule: module })
  }
}

export const { openStore, openFaulty, optionsOf } = s3
