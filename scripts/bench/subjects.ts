/** The clients that are compared, made the way their documentation makes them. */
import type { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Dispatcher } from 'undici'
import { importForkfs, importPeer, findPackage, findProgram } from './places.js'
import type { FileSystem } from '../../lib/index.js'
import type { Stage, Subject } from './types.js'

export const accessKeyId = 'AKIDEXAMPLE'
export const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
export const region = 'us-east-1'

export interface Keys { readonly accessKeyId: string, readonly secretAccessKey: string }

const keys: Keys = { accessKeyId, secretAccessKey }

export function needsPackage (name: string): (stage: Stage) => string | undefined {
  return ({ cache }) => findPackage(name, cache) === undefined ? `${name} is not installed (--install)` : undefined
}

export function needsProgram (name: string): () => string | undefined {
  return () => findProgram(name) === undefined ? `no ${name} on the path` : undefined
}

export async function openForkfs (endpoint: string, credentials: Keys = keys): Promise<FileSystem> {
  const { filesystem } = await importForkfs()
  return filesystem('s3', { endpoint, region, credentials: { ...credentials } })
}

/** `tuned`: what its users know to turn: the stack kept between calls, and undici below it where that handler is installed. */
export async function openSdk (endpoint: string, cache: string, { tuned = false, credentials = keys }: { readonly tuned?: boolean, readonly credentials?: Keys } = {}): Promise<{ readonly sdk: typeof import('@aws-sdk/client-s3'), readonly client: S3Client }> {
  const sdk = await importPeer<typeof import('@aws-sdk/client-s3')>('@aws-sdk/client-s3', cache)
  const more = tuned ? { cacheMiddleware: true, ...await undiciHandler(cache) } : {}
  return { sdk, client: new sdk.S3Client({ endpoint, region, credentials, forcePathStyle: true, ...more }) }
}

async function undiciHandler (cache: string): Promise<object> {
  const name = '@smithy/undici-http-handler'
  if (findPackage(name, cache) === undefined) return {}
  const { UndiciHttpHandler } = await importPeer<{ readonly UndiciHttpHandler: new () => object }>(name, cache)
  return { requestHandler: new UndiciHttpHandler() }
}

export async function openUndici (endpoint: string, cache: string, connections: number): Promise<Dispatcher> {
  const { Pool } = await importPeer<typeof import('undici')>('undici', cache)
  return new Pool(endpoint, { connections, pipelining: 1 })
}

/** What is used of minio-js. */
export interface Minio {
  getObject (bucket: string, key: string): Promise<Readable>
  getPartialObject (bucket: string, key: string, offset: number, length: number): Promise<Readable>
  listObjectsV2 (bucket: string, prefix: string, recursive: boolean): AsyncIterable<{ readonly size: number }>
}

export async function openMinio (endpoint: string, cache: string): Promise<Minio> {
  const { Client } = await importPeer<{ readonly Client: new (options: object) => Minio }>('minio', cache)
  const { hostname, port } = new URL(endpoint)
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey: accessKeyId, secretKey: secretAccessKey, region })
}

/** What is used of opendal. */
export interface Opendal {
  read (path: string, options?: { readonly offset: bigint, readonly size: bigint }): Promise<Uint8Array>
  list (path: string, options: { readonly recursive: boolean }): Promise<ReadonlyArray<{ path (): string }>>
  reader (path: string): Promise<{ read (into: Uint8Array): Promise<bigint> }>
  writer (path: string, options: { readonly chunk: bigint, readonly concurrent: number }): Promise<{ write (bytes: Uint8Array): Promise<void>, close (): Promise<void> }>
}

export async function openOpendal (endpoint: string, cache: string, bucket: string): Promise<Opendal> {
  const { Operator } = await importPeer<{ readonly Operator: new (scheme: string, options: object) => Opendal }>('opendal', cache)
  return new Operator('s3', {
    root: '/', bucket, endpoint, region, access_key_id: accessKeyId, secret_access_key: secretAccessKey, disable_config_load: 'true', disable_ec2_metadata: 'true'
  })
}

export const forkfs: Subject = { id: 'forkfs', label: 'forkfs' }
export const sdk: Subject = { id: 'sdk', label: '@aws-sdk/client-s3', missing: needsPackage('@aws-sdk/client-s3') }
export const sdkTuned: Subject = { id: 'sdk-tuned', label: '@aws-sdk/client-s3, cacheMiddleware and undici handler', missing: needsPackage('@smithy/undici-http-handler') }
export const undici: Subject = { id: 'undici', label: 'undici.request, unsigned' }
export const minio: Subject = { id: 'minio', label: 'minio', missing: needsPackage('minio') }
export const opendal: Subject = { id: 'opendal', label: 'opendal 0.49.2', missing: needsPackage('opendal') }
