/** The store that the suites of S3 run on: the one of this repository, or a real one that the environment names. */
import { randomBytes } from 'node:crypto'
import type { CommonOptions } from '../../../lib/index.js'
import { S3FileSystem } from '../../../implementations/s3/index.js'
import type { S3Options } from '../../../implementations/s3/index.js'
import { startS3Server } from '../../servers/index.js'
import type { S3Server, S3ServerOptions } from '../../servers/index.js'

export type Options = S3Options & CommonOptions & Record<string, unknown>

export interface Store {
  /** A real server: some keys are refused there, and nothing is counted. */
  readonly real: boolean
  readonly options: Options
  /** Two empty buckets. */
  readonly bucket: string
  readonly other: string
  open (options?: Options): S3FileSystem
  close (): Promise<void>
}

function real (): Options | undefined {
  const { FORKFS_TEST_S3_ENDPOINT: endpoint, FORKFS_TEST_S3_ACCESS_KEY: accessKeyId, FORKFS_TEST_S3_SECRET_KEY: secretAccessKey, FORKFS_TEST_S3_REGION: region } = process.env
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) return undefined
  return { endpoint, region: region ?? 'us-east-1', credentials: { accessKeyId, secretAccessKey } }
}

export function optionsOf ({ endpoint, region, accessKeyId, secretAccessKey, sessionToken }: S3Server): Options {
  return { endpoint, region, credentials: { accessKeyId, secretAccessKey, sessionToken } }
}

export async function openStore (): Promise<Store> {
  const outside = real()
  const server = outside === undefined ? await startS3Server({ buckets: [] }) : undefined
  const options = outside ?? optionsOf(server!)
  const random = randomBytes(5).toString('hex')
  const [bucket, other] = [`forkfs-${random}-a`, `forkfs-${random}-b`]
  const opened: S3FileSystem[] = []
  const open = (more: Options = {}): S3FileSystem => {
    const fs = new S3FileSystem({ ...options, ...more })
    opened.push(fs)
    return fs
  }
  const admin = open()
  await admin.mkdir(bucket)
  await admin.mkdir(other)
  return {
    real: outside !== undefined,
    options,
    bucket,
    other,
    open,
    close: async () => {
      if (outside !== undefined) {
        for (const name of [bucket, other]) {
          await admin.rm(name, { recursive: true })
          await admin.rmdir(name)
        }
      }
      await Promise.all(opened.map(fs => fs.close()))
      await server?.close()
    }
  }
}

export interface FaultyStore {
  readonly server: S3Server
  readonly fs: S3FileSystem
  open (options?: Options): S3FileSystem
  close (): Promise<void>
}

/** A server of this repository with faults and counters, and a filesystem on it; short waits. */
export async function openFaulty (server: S3ServerOptions = {}, options: Options = {}): Promise<FaultyStore> {
  const running = await startS3Server({ opaqueEtags: false, ...server })
  const opened: S3FileSystem[] = []
  const open = (more: Options = {}): S3FileSystem => {
    const fs = new S3FileSystem({ ...optionsOf(running), retry: { baseMs: 1, maxMs: 20 }, ...options, ...more })
    opened.push(fs)
    return fs
  }
  return {
    server: running,
    fs: open(),
    open,
    close: async () => {
      await Promise.all(opened.map(fs => fs.close()))
      await running.close()
    }
  }
}

/** Bytes that differ from place to place and from seed to seed. */
export function pattern (length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2654435761 >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export function code (expected: string, more: Record<string, unknown> = {}): Record<string, unknown> { return { code: expected, ...more } }

export const MiB = 1024 * 1024
