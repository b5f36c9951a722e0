/** The store that the suites of GCS run on: the one of this repository, or another server that the environment names. */
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import type { CommonOptions } from '../../../lib/index.js'
import { GcsFileSystem } from '../../../implementations/gcs/index.js'
import type { GcsOptions } from '../../../implementations/gcs/index.js'
import { startGcsServer } from '../../servers/index.js'
import type { GcsServer, GcsServerOptions } from '../../servers/index.js'

export { code, MiB, pattern } from '../s3/support.js'

export type Options = GcsOptions & CommonOptions & Record<string, unknown>

export interface Store extends AsyncDisposable {
  readonly options: Options
  /** Two empty buckets. */
  readonly bucket: string
  readonly other: string
  open (options?: Options): GcsFileSystem
  close (): Promise<void>
}

/** fake-gcs-server or the like: FORKFS_TEST_GCS_ENDPOINT=http://127.0.0.1:4443 */
const outside = process.env['FORKFS_TEST_GCS_ENDPOINT']

export function optionsOf ({ endpoint, projectId }: GcsServer): Options {
  return { apiEndpoint: endpoint, projectId }
}

export async function openStore (): Promise<Store> {
  const server = outside === undefined ? await startGcsServer({ buckets: [] }) : undefined
  const options = server === undefined ? { apiEndpoint: outside!, projectId: 'test-project' } : optionsOf(server)
  const random = randomBytes(5).toString('hex')
  const [bucket, other] = [`forkfs-${random}-a`, `forkfs-${random}-b`]
  const opened: GcsFileSystem[] = []
  const open = (more: Options = {}): GcsFileSystem => {
    const fs = new GcsFileSystem({ ...options, ...more })
    opened.push(fs)
    return fs
  }
  const admin = open()
  await admin.mkdir(bucket)
  await admin.mkdir(other)
  const close = async (): Promise<void> => {
    if (server === undefined) {
      for (const name of [bucket, other]) {
        await admin.rm(name, { recursive: true })
        await admin.rmdir(name)
      }
    }
    await Promise.all(opened.map(fs => fs.close()))
    await server?.close()
  }
  return { options, bucket, other, open, close, [Symbol.asyncDispose]: close }
}

export interface FaultyStore extends AsyncDisposable {
  readonly server: GcsServer
  readonly fs: GcsFileSystem
  open (options?: Options): GcsFileSystem
  close (): Promise<void>
}

/** A server of this repository with faults and counters, and a filesystem on it; short waits. */
export async function openFaulty (server: GcsServerOptions = {}, options: Options = {}): Promise<FaultyStore> {
  const running = await startGcsServer(server)
  const opened: GcsFileSystem[] = []
  const open = (more: Options = {}): GcsFileSystem => {
    const fs = new GcsFileSystem({ ...optionsOf(running), retry: { baseMs: 1, maxMs: 20 }, ...options, ...more })
    opened.push(fs)
    return fs
  }
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(fs => fs.close()))
    await running.close()
  }
  return { server: running, fs: open(), open, close, [Symbol.asyncDispose]: close }
}

/** Whether @google-cloud/storage is installed: the capability that tests of credentials and of the SDK's own view need. */
export function hasPeer (): boolean {
  try {
    createRequire(import.meta.url).resolve('@google-cloud/storage')
    return true
  } catch {
    return false
  }
}
