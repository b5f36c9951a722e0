import type { Exchange } from '../exchange.js'
import type { Target } from './target.js'

/** What the server knows, by the names of the S3 API; `Unsupported` is refused with 501 or 405. */
export type Operation =
  | 'ListBuckets'
  | 'CreateBucket' | 'DeleteBucket' | 'HeadBucket' | 'GetBucketLocation' | 'GetBucketVersioning' | 'PutBucketVersioning'
  | 'ListObjects' | 'ListObjectsV2' | 'ListObjectVersions' | 'ListMultipartUploads' | 'DeleteObjects'
  | 'GetObject' | 'HeadObject' | 'PutObject' | 'CopyObject' | 'DeleteObject'
  | 'CreateMultipartUpload' | 'UploadPart' | 'UploadPartCopy' | 'CompleteMultipartUpload' | 'AbortMultipartUpload' | 'ListParts'
  | 'Unsupported' | 'NotAllowed'

/** Sub-resources that S3 has and this server has not: answering them as the plain operation would be wrong. */
const unsupported: readonly string[] = ['accelerate', 'acl', 'analytics', 'attributes', 'cors', 'encryption', 'intelligent-tiering', 'inventory',
  'legal-hold', 'lifecycle', 'logging', 'metrics', 'notification', 'object-lock', 'ownershipControls', 'policy', 'policyStatus',
  'publicAccessBlock', 'replication', 'requestPayment', 'restore', 'retention', 'select', 'session', 'tagging', 'torrent', 'website']

export function operationOf (exchange: Exchange, target: Target): Operation {
  const { method } = exchange
  if (target.bucket === undefined) return method === 'GET' ? 'ListBuckets' : 'NotAllowed'
  if (unsupported.some(name => target.query.has(name))) return 'Unsupported'
  return target.key === undefined ? bucketOperation(method, target) : objectOperation(method, target, exchange.header('x-amz-copy-source') !== undefined)
}

function bucketOperation (method: string, { query }: Target): Operation {
  switch (method) {
    case 'HEAD': return 'HeadBucket'
    case 'DELETE': return 'DeleteBucket'
    case 'PUT': return query.has('versioning') ? 'PutBucketVersioning' : 'CreateBucket'
    case 'POST': return query.has('delete') ? 'DeleteObjects' : 'NotAllowed'
    case 'GET':
      if (query.has('location')) return 'GetBucketLocation'
      if (query.has('versioning')) return 'GetBucketVersioning'
      if (query.has('versions')) return 'ListObjectVersions'
      if (query.has('uploads')) return 'ListMultipartUploads'
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects'
    default: return 'NotAllowed'
  }
}

function objectOperation (method: string, { query }: Target, copies: boolean): Operation {
  const inUpload = query.has('uploadId')
  switch (method) {
    case 'HEAD': return 'HeadObject'
    case 'GET': return inUpload ? 'ListParts' : 'GetObject'
    case 'DELETE': return inUpload ? 'AbortMultipartUpload' : 'DeleteObject'
    case 'PUT':
      if (inUpload || query.has('partNumber')) return copies ? 'UploadPartCopy' : 'UploadPart'
      return copies ? 'CopyObject' : 'PutObject'
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload'
      return inUpload ? 'CompleteMultipartUpload' : 'NotAllowed'
    default: return 'NotAllowed'
  }
}

/** Operations that a bucket open to the public allows without a signature. */
export const publicOperations: ReadonlySet<Operation> = new Set<Operation>(['GetObject', 'HeadObject', 'ListObjects', 'ListObjectsV2', 'HeadBucket', 'GetBucketLocation'])
