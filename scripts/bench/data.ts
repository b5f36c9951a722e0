/** What is served: objects of a repeating pattern, tar shards, pages of a listing. */
import { closeSync, mkdirSync, openSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbers } from './meter.js'
import { bigKey, bucket, checkpointFileKey, checkpointFiles, patternBytes, shardKey, smallBytes, smallKey } from './sizes.js'
import type { Sizes } from './types.js'

const keysPerPage = 1000

/** Bytes that do not compress, the same in every process. */
export function pattern (): Buffer {
  const random = numbers(1)
  const words = new Uint32Array(patternBytes / 4)
  for (let index = 0; index < words.length; index++) words[index] = random() * 4294967296
  return Buffer.from(words.buffer)
}

/** A folder in memory where there is room for the data twice, else on disk. */
export async function dataFolder (sizes: Sizes): Promise<string> {
  const needed = 2 * (sizes.bigBytes + sizes.shards * sizes.shardBytes)
  return mkdtemp(join(hasRoom('/dev/shm', needed) ? '/dev/shm' : tmpdir(), 'forkfs-bench-'))
}

function hasRoom (folder: string, bytes: number): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > bytes
  } catch {
    return false
  }
}

export function writeData (folder: string, sizes: Sizes): void {
  const bytes = pattern()
  for (const name of ['small', 'shards']) mkdirSync(join(folder, bucket, name), { recursive: true })
  mkdirSync(join(folder, 'pages'))
  for (let index = 0; index < sizes.smallObjects; index++) writeFileSync(join(folder, bucket, smallKey(index)), smallBody(bytes, index))
  writeLong(join(folder, bucket, bigKey), bytes, sizes.bigBytes)
  for (let index = 0; index < sizes.shards; index++) writeFileSync(join(folder, bucket, shardKey(index)), shard(bytes, index, sizes.shardBytes))
  for (const [token, page] of listPages(sizes.keys)) writeFileSync(join(folder, 'pages', `${token}.xml`), page)
}

export function smallBody (bytes: Buffer, index: number): Buffer {
  const start = index * 1024 % (patternBytes - smallBytes)
  return bytes.subarray(start, start + smallBytes)
}

function writeLong (path: string, bytes: Buffer, length: number): void {
  const file = openSync(path, 'w')
  try {
    for (let at = 0; at < length; at += bytes.length) writeSync(file, bytes, 0, Math.min(bytes.length, length - at))
  } finally {
    closeSync(file)
  }
}

/** Members of 10 KiB, `NNNNNNNN.bin`, and the two empty blocks at the end. */
export function shard (bytes: Buffer, index: number, shardBytes: number): Buffer {
  const member = 512 + smallBytes
  const count = Math.floor(shardBytes / member)
  const tar = Buffer.alloc(count * member + 1024)
  for (let number = 0; number < count; number++) {
    const at = number * member
    header(`${String(index).padStart(4, '0')}${String(number).padStart(6, '0')}.bin`, smallBytes).copy(tar, at)
    smallBody(bytes, index + number).copy(tar, at + 512)
  }
  return tar
}

function header (name: string, size: number): Buffer {
  const block = Buffer.alloc(512)
  block.write(name, 0)
  block.write('0000644\0', 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write('00000000000\0', 136)
  block.fill(' ', 148, 156)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** Pages of ListObjectsV2 by continuation token; the first is 'page0'. */
export function * listPages (keys: number): Generator<[token: string, page: string]> {
  const pages = Math.ceil(keys / keysPerPage)
  for (let page = 0; page < pages; page++) {
    const count = Math.min(keysPerPage, keys - page * keysPerPage)
    const entries = Array.from({ length: count }, (_, index) => entry(page * keysPerPage + index))
    yield [`page${page}`, pageOf(entries, page + 1 < pages ? `page${page + 1}` : undefined)]
  }
}

/** The files of the checkpoint. */
export function checkpointPage (fileBytes: number): string {
  return pageOf(Array.from({ length: checkpointFiles }, (_, index) => contents(checkpointFileKey(index), 1, fileBytes)), undefined)
}

function pageOf (entries: readonly string[], next: string | undefined): string {
  const more = next !== undefined
  return '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
    `<Name>${bucket}</Name><Prefix></Prefix><KeyCount>${entries.length}</KeyCount><MaxKeys>${keysPerPage}</MaxKeys><IsTruncated>${more}</IsTruncated>` +
    `${entries.join('')}${more ? `<NextContinuationToken>${next}</NextContinuationToken>` : ''}</ListBucketResult>`
}

function entry (number: number): string {
  const key = `training/shard-${String(Math.floor(number / 500)).padStart(6, '0')}/sample-${String(number).padStart(12, '0')}.jpeg`
  return contents(key, number, 1000 + number % 100_000)
}

function contents (key: string, number: number, size: number): string {
  const etag = number.toString(16).padStart(32, '0')
  const time = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString()
  return `<Contents><Key>${key}</Key><LastModified>${time}</LastModified><ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size>` +
    '<StorageClass>STANDARD</StorageClass></Contents>'
}
