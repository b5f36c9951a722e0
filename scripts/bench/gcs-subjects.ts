/** Clients of Google Cloud Storage, made the way their documentation makes them; the server wants no credentials. */
import type { Storage } from '@google-cloud/storage'
import { importForkfs, importPeer } from './places.js'
import { bucket } from './sizes.js'
import { needsPackage } from './subjects.js'
import type { FileSystem } from '../../lib/index.js'
import type { Subject } from './types.js'

const projectId = 'bench'
const name = '@google-cloud/storage'

export async function openForkfsGcs (apiEndpoint: string): Promise<FileSystem> {
  const { filesystem } = await importForkfs()
  return filesystem('gs', { apiEndpoint, projectId, credentials: 'anonymous' })
}

export async function openBucket (apiEndpoint: string, cache: string): Promise<ReturnType<Storage['bucket']>> {
  const sdk = await importPeer<typeof import('@google-cloud/storage')>(name, cache)
  return new sdk.Storage({ apiEndpoint, projectId }).bucket(bucket)
}

/** Path of a request for an object. */
export function objectPath (key: string): string { return `/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}` }

export const gcsSdk: Subject = { id: 'sdk', label: name, missing: needsPackage(name) }
export const gcsSdkUnchecked: Subject = { id: 'sdk-unchecked', label: `${name}, \`validation: false\``, missing: needsPackage(name) }
