/**
 * google-auth-library and @google-cloud/storage, the optional peer: credentials of every kind come from the library that the
 * installed SDK uses itself, signed URLs from the SDK. Loaded on first use; only the shapes that are used are written down here.
 */
import { FsError } from '../../lib/errors/fs-error.js'

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

type Require = ReturnType<typeof import('node:module').createRequire>

const name = '@google-cloud/storage'

function isMissing (error: unknown): boolean { return (error as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND' }

/** What `require` finds from here, else from where the program runs: a bundle has no node_modules beside it. */
function locate (): { readonly require: Require, readonly path: string } {
  const { createRequire } = process.getBuiltinModule('node:module')
  let failure: unknown
  const here: string | undefined = import.meta.url // empty in a bundle that is CommonJS
  for (const from of [here, `${process.cwd()}/forkfs.js`]) {
    if (from === undefined) continue
    const require = createRequire(from)
    try {
      const path = require.resolve(name)
      return { require: createRequire(path), path }
    } catch (error) {
      if (!isMissing(error)) throw error
      failure = error
    }
  }
  throw new FsError('FORKFS_MISSING_PEER', `credentials (all but \'anonymous\') and signed URLs need the Google Cloud SDK: npm install ${name}@7`, { protocol: 'gs', cause: failure })
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
