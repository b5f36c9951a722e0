import { S3Error } from './errors.js'
import { isoTime, xmlReply } from './request.js'
import { Bucket } from './store.js'
import { childText, parseXml } from './xml.js'
import type { Reply } from '../exchange.js'
import type { Operation } from './operations.js'
import type { Operate, S3Request } from './request.js'

export const owner = [['ID', 'test-owner'], ['DisplayName', 'test-owner']] as const

function listBuckets ({ state }: S3Request): Reply {
  const buckets = [...state.buckets.values()].sort((a, b) => a.name < b.name ? -1 : 1)
  return xmlReply('ListAllMyBucketsResult', [
    ['Owner', owner],
    ['Buckets', buckets.map(bucket => ['Bucket', [['Name', bucket.name], ['CreationDate', isoTime(bucket.created)]]] as const)]
  ])
}

function validName (name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/^\d+\.\d+\.\d+\.\d+$/.test(name)
}

async function createBucket (request: S3Request): Promise<Reply> {
  const { state } = request
  const name = request.target.bucket!
  const { body } = await request.payload()
  const asked = body.size === 0 ? '' : childText(parseXml(body.toString()), 'LocationConstraint')?.trim() ?? ''
  const region = asked === '' ? 'us-east-1' : asked
  if (!validName(name)) throw new S3Error('InvalidBucketName', { detail: { BucketName: name } })
  if (region !== state.region && state.region !== 'us-east-1') {
    throw new S3Error('IllegalLocationConstraintException', {
      message: `The ${asked === '' ? 'unspecified' : asked} location constraint is incompatible for the region specific endpoint this request was sent to.`
    })
  }
  if (state.buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou', { detail: { BucketName: name } })
  state.buckets.set(name, new Bucket(name, { region, created: state.stamp(), publicRead: false, versioning: undefined }))
  return { status: 200, headers: { Location: `/${name}` } }
}

function deleteBucket ({ bucket, state }: S3Request): Reply {
  if (!bucket.isEmpty) throw new S3Error('BucketNotEmpty', { detail: { BucketName: bucket.name } })
  state.buckets.delete(bucket.name)
  return { status: 204, headers: {} }
}

function headBucket ({ bucket }: S3Request): Reply {
  return { status: 200, headers: { 'x-amz-bucket-region': bucket.region, 'Content-Type': 'application/xml' } }
}

/** us-east-1 is the empty location. */
function getBucketLocation ({ bucket }: S3Request): Reply {
  return xmlReply('LocationConstraint', bucket.region === 'us-east-1' ? '' : bucket.region)
}

function getBucketVersioning ({ bucket }: S3Request): Reply {
  return xmlReply('VersioningConfiguration', [['Status', bucket.versioning]])
}

async function putBucketVersioning (request: S3Request): Promise<Reply> {
  const { body } = await request.payload()
  const status = childText(parseXml(body.toString()), 'Status')?.trim()
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('MalformedXML')
  request.bucket.versioning = status
  return { status: 200, headers: {} }
}

export const bucketOperations = {
  ListBuckets: listBuckets, CreateBucket: createBucket, DeleteBucket: deleteBucket, HeadBucket: headBucket,
  GetBucketLocation: getBucketLocation, GetBucketVersioning: getBucketVersioning, PutBucketVersioning: putBucketVersioning
} satisfies Partial<Record<Operation, Operate>>
