/** What the tests of the loader share: a store in another process, shards in it, and ways to read them. */
import assert from 'node:assert/strict'
import { DataLoader } from '../../../lib/loader/index.js'
import type { BytesSample, LoaderOptions, LoaderState, TarSample } from '../../../lib/loader/index.js'
import { filesystem } from '../../../lib/index.js'
import type { FileSystem } from '../../../lib/index.js'
import type { WorkerKind } from '../../../lib/workers/index.js'
import { spawnS3Server } from '../../servers/index.js'
import type { S3Server } from '../../servers/index.js'
import { pattern, tarOf } from '../../unit/loader/shards.js'

export interface Store {
  readonly server: S3Server
  /** With explicit keys, which do not travel. */
  readonly fs: FileSystem
}

export async function startStore (): Promise<Store> {
  const server = await spawnS3Server({ buckets: ['data'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  return { server, fs: filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, retry: { baseMs: 1, maxMs: 5 } }) }
}

export interface Place { readonly label: string, readonly workers: number, readonly kind?: WorkerKind }

export const places: readonly Place[] = [
  { label: '2 threads', workers: 2 },
  { label: '2 processes', workers: 2, kind: 'process' },
  { label: '2 workers in-process', workers: 2, kind: 'in-process' },
  { label: '0 workers', workers: 0 }
]

/** A tar shard of samples `<name>-<number>`, each with `bytes` of data; and what reading them gives. */
export async function tarShard (name: string, samples: number, bytes: (at: number) => number = () => 100): Promise<Uint8Array> {
  const entries = Array.from({ length: samples }, (_, at) => [
    { name: `${name}-${at}.bin`, body: pattern(bytes(at), at + 1) }, { name: `${name}-${at}.txt`, body: `${name} ${at}` }
  ])
  return tarOf(entries.flat())
}

/** Where objects are put, by bucket and key. */
export interface Puts { put (bucket: string, key: string, bytes: Uint8Array): Promise<unknown> }

/** Shards under data/<folder>/, named by number; @returns their paths and the keys of all samples in order */
export async function putTars (server: Puts, folder: string, counts: readonly number[], bytes?: (at: number) => number): Promise<{ paths: string[], keys: string[] }> {
  const paths: string[] = []
  const keys: string[] = []
  for (const [shard, count] of counts.entries()) {
    const name = `s${String(shard).padStart(3, '0')}`
    await server.put('data', `${folder}/${name}.tar`, await tarShard(name, count, bytes))
    paths.push(`data/${folder}/${name}.tar`)
    for (let at = 0; at < count; at++) keys.push(`${name}-${at}`)
  }
  return { paths, keys }
}

export async function all<T> (loader: DataLoader<T>): Promise<T[]> {
  const samples: T[] = []
  for await (const sample of loader) samples.push(sample)
  return samples
}

/** The keys in the order they come; every byte of every sample is compared. */
export async function keysOf (options: LoaderOptions, bytes: (at: number) => number = () => 100): Promise<string[]> {
  return (await all(new DataLoader<TarSample>(options))).map(sample => checkedKey(sample, bytes))
}

export function checkedKey ({ key, files }: TarSample, bytes: (at: number) => number = () => 100): string {
  const at = Number(key.slice(key.indexOf('-') + 1))
  assert.ok(Buffer.from(files['bin']!).equals(pattern(bytes(at), at + 1)), `bytes of ${key}`)
  assert.equal(Buffer.from(files['txt']!).toString(), key.replace('-', ' '))
  return key
}

/** Some samples and the state after them. The loader is closed. */
export async function takeSome (options: LoaderOptions, count: number): Promise<{ keys: string[], state: LoaderState }> {
  const loader = new DataLoader<TarSample>(options)
  const iterator = loader[Symbol.asyncIterator]()
  const keys: string[] = []
  while (keys.length < count) {
    const next = await iterator.next()
    if (next.done === true) break
    keys.push(next.value.key)
  }
  const state = JSON.parse(JSON.stringify(loader.state())) as LoaderState
  await loader.close()
  assert.deepEqual(JSON.parse(JSON.stringify(loader.state())), state, 'the state stays after close()')
  return { keys, state }
}

export function textOf ({ data }: BytesSample): string { return Buffer.from(data).toString() }
