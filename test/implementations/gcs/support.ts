/** GCS as the shared suites see it, on the server of this repository or on another one that the environment names. */
import { createRequire } from 'node:module'
import type { CommonOptions } from '../../../lib/index.js'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import type { GcsOptions } from '../../../implementations/gcs/index.js'
import { startGcsServer } from '../../servers/index.js'
import type { GcsServer, GcsServerOptions } from '../../servers/index.js'
import type { Kind } from '../object-store/kind.js'
import { storesOf } from '../object-store/stores.js'
import type * as shared from '../object-store/stores.js'

export { code, KiB, MiB, pattern } from '../data.js'

export type Options = GcsOptions & CommonOptions & Record<string, unknown>
export type Store = shared.Store<GcsFileSystem, Options>
export type FaultyStore = shared.FaultyStore<GcsFileSystem, GcsServer, Options>

/** fake-gcs-server or the like: FORKFS_TEST_GCS_ENDPOINT=http://127.0.0.1:4443 */
const outside = process.env['FORKFS_TEST_GCS_ENDPOINT']

type GcsKind = Kind<GcsFileSystem, GcsServer, GcsServerOptions, Options>

/** GCS over one transport; without a name over the one that it takes by itself. */
export function gcsOver (transport?: 'undici' | 'direct'): GcsKind {
  const chosen = transport === undefined ? {} : { transport }
  return {
    ...storesOf<GcsFileSystem, GcsServer, GcsServerOptions, Options>({
      start: startGcsServer,
      optionsOf: ({ endpoint, projectId }) => ({ apiEndpoint: endpoint, projectId, ...chosen }),
      make: options => new GcsFileSystem(options),
      empty: { buckets: [] },
      outside: outside === undefined ? undefined : { apiEndpoint: outside, projectId: 'test-project', ...chosen }
    }),
    protocol: 'gs',
    aliases: ['gcs'],
    named: true,
    operations: { read: 'objects.getMedia', look: 'objects.get', list: 'objects.list', put: 'objects.insert', part: 'uploads.put', cancel: 'uploads.cancel' },
    words: { forbidden: 'forbidden', busy: 'FORKFS_BACKEND' },
    framesUploads: true,
    tellsMissing: true,
    versions: { kept: { buckets: [{ name: 'kept', versioning: true }] }, named: (path, { etag }) => `${path}#${etag}` },
    credentials: {
      service: 'gs:credentials',
      name: 'token',
      more: {},
      from: module => ({ credentialsModule: module, useAuthWithCustomEndpoint: true })
    }
  }
}

export const gcs = gcsOver()

export const { openStore, openFaulty, optionsOf } = gcs

/** Whether @google-cloud/storage is installed: the capability that tests of credentials and of the SDK's own view need. */
export function hasPeer (): boolean {
  try {
    createRequire(import.meta.url).resolve('@google-cloud/storage')
    return true
  } catch {
    return false
  }
}
