/**
 * google-auth-library and @google-cloud/storage, the optional peer: credentials of every kind come from the library that the
 * installed SDK uses itself, signed URLs from the SDK. Loaded on first use; only the shapes that are used are written down here.
 */
import { FsError } from '../../lib/errors/fs-error.js'
import { findPeer } from '../../lib/owner/peers.js'

export interface AuthClient {
  getRequestHeaders (url?: string): Promise<Readonly<Record<string, string>>>
  readonly credentials?: { readonly expiry_date?: number | null | undefined } | undefined
  /** Of service accounts. */
  readonly email?: string | undefined
  useJWTAccessWithScope?: boolean
}

export interface GoogleAuth { getClient (): Promise<AuthClient>, getProjectId (): Promise<string> }

export interface GoogleAuthOptions {
  readonly scopes: readonly string[]
  readonly credentials?: object
  readonly keyFilename?: string
  readonly universeDomain?: string
}

interface SignedUrlConfig {
  readonly version: 'v4'
  readonly action: 'read' | 'write'
  /** Milliseconds since 1970. */
  readonly expires: number
  readonly host?: string
  readonly queryParams?: Readonly<Record<string, string>>
}

interface StorageFile { getSignedUrl (config: SignedUrlConfig): Promise<readonly [string]> }
interface Storage { bucket (name: string): { file (name: string): StorageFile } }

export interface StorageOptions {
  readonly apiEndpoint?: string
  readonly projectId?: string
  readonly universeDomain?: string
  readonly credentials?: object
  readonly keyFilename?: string
}

const name = '@google-cloud/storage'

function locate (): NonNullable<ReturnType<typeof findPeer>> {
  const found = findPeer(name)
  if (found === undefined) throw new FsError('FORKFS_MISSING_PEER', `credentials (all but 'anonymous') and signed URLs need the Google Cloud SDK: npm install ${name}@7`, { protocol: 'gs' })
  return found
}

/** Not @google-cloud/storage itself, which takes three times as long. @throws FsError FORKFS_MISSING_PEER that names what to install */
export function loadAuth (): new (options: GoogleAuthOptions) => GoogleAuth {
  const { require } = locate()
  return (require('google-auth-library') as { GoogleAuth: new (options: GoogleAuthOptions) => GoogleAuth }).GoogleAuth
}

/** @throws FsError FORKFS_MISSING_PEER that names what to install */
export function loadStorage (): new (options: StorageOptions) => Storage {
  const { require, path } = locate()
  return (require(path) as { Storage: new (options: StorageOptions) => Storage }).Storage
}
