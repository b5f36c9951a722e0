/** One server with a filesystem on it for one run after another: what a run leaves behind can be told from what was there. */
import { GcsFileSystem } from '../../implementations/gcs/index.js'
import { HttpFileSystem } from '../../implementations/http/index.js'
import { crc32Text } from '../../implementations/s3/read.js'
import type { FileSystem } from '../../lib/filesystem/filesystem.js'
import { PartwiseS3FileSystem } from '../implementations/s3/partwise.js'
import { startFileServer, startGcsServer, startS3Server } from '../servers/index.js'
import type { Counters, FaultRule, RecordedRequest } from '../servers/index.js'
import { bigContent, content, hugeContent, manyNames, MiB, old, text } from './content.js'
import type { Answer, StoreName, WireRequest } from './types.js'

export interface Store {
  readonly name: StoreName
  /** What verbs make of the same requests is shown by another store every day. */
  readonly brief?: boolean | undefined
  open (options: Readonly<Record<string, unknown>>, refused: boolean): FileSystem
  /** Objects for one run; the path of their directory. `refused`: where nobody listens. */
  seed (run: string, refused: boolean): Promise<string>
  readonly big: string
  readonly huge: string
  readonly many: string
  /** 1,002 empty objects below `many` in `base`. */
  fill (base: string): Promise<void>
  stored (base: string, name: string): Promise<Uint8Array | undefined>
  addFault (rule: FaultRule): Promise<void>
  clearFaults (): Promise<void>
  counters (): Promise<Counters>
  resetCounters (): Promise<void>
  /** What arrived since the counters were reset. */
  requests (): Promise<readonly RecordedRequest[]>
  describe (request: RecordedRequest): WireRequest
  /** The requests that a rule must fit to spoil this one. */
  match (request: WireRequest): NonNullable<FaultRule['match']>
  /** The requests that begin and that give up an upload. */
  readonly uploading: { readonly begin: string, readonly abort: string }
  /** Uploads below `base` that are neither completed nor aborted: how many have parts, and how many have none. */
  uploads (base: string): Promise<{ readonly empty: number, readonly filled: number }>
  /** Let go of the memory of what a run wrote. */
  forget (base: string): Promise<void>
  close (): Promise<void>
}

/** Nobody listens there, and nobody may without being root. */
const nowhere = 'http://127.0.0.1:1'
const patience = { timeoutMs: 15_000, idleTimeoutMs: 2500 }

const ranged = ({ rawHeaders }: RecordedRequest): boolean => rawHeaders.some((text, at) => at % 2 === 0 && text.toLowerCase() === 'range')

const seeds = { a: content, text, old, 'dir/one': content, 'dir/two': content, 'dir/sub/three': content }

/** As an object that was written with a checksum: whole reads are held to it. */
function summed (data: Uint8Array | string): Record<string, string> { return { 'x-amz-checksum-crc32': crc32Text(Buffer.from(data)), 'x-amz-checksum-type': 'FULL_OBJECT' } }

const documents = new Set(['ListBuckets', 'ListObjectsV2', 'CreateMultipartUpload', 'CompleteMultipartUpload', 'CopyObject', 'UploadPartCopy', 'DeleteObjects'])

export function answerOf (operation: string): Answer {
  if (operation.startsWith('Head')) return 'head'
  return operation === 'GetObject' ? 'content' : documents.has(operation) ? 'document' : 'empty'
}

type Controls = Pick<Store, 'addFault' | 'clearFaults' | 'counters' | 'resetCounters' | 'requests' | 'close'>

function controls (server: Controls): Controls {
  return {
    addFault: rule => server.addFault(rule),
    clearFaults: () => server.clearFaults(),
    counters: () => server.counters(),
    resetCounters: () => server.resetCounters(),
    requests: () => server.requests(),
    close: () => server.close()
  }
}

const manyKeys = (directory: string): string[] => manyNames.map(name => `${directory}/${name}`)

/** `heavy`: forms that move mebibytes come here. */
export async function openS3 (heavy: boolean): Promise<Store> {
  const server = await startS3Server({ buckets: ['test'] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const keyOf = (base: string): string => base.slice('test/'.length)
  await server.put('test', 'big', bigContent)
  if (heavy) {
    await server.put('test', 'huge', hugeContent)
    await server.putMany('test', manyKeys('many'), '')
  }
  return {
    name: 's3',
    big: 'test/big',
    huge: 'test/huge',
    many: 'test/many',
    fill: base => server.putMany('test', manyKeys(`${keyOf(base)}/many`), ''),
    open: (options, refused) => {
      return new PartwiseS3FileSystem({ endpoint: refused ? nowhere : endpoint, region, credentials: { accessKeyId, secretAccessKey }, ...patience, ...options })
    },
    seed: async run => {
      for (const [name, data] of Object.entries(seeds)) await server.put('test', `${run}/${name}`, data, summed(data))
      return `test/${run}`
    },
    stored: (base, name) => server.get('test', `${keyOf(base)}/${name}`),
    ...controls(server),
    describe: request => {
      const { operation } = request
      return { operation, label: ranged(request) ? `${operation} of a range` : operation, answer: answerOf(operation), ranged: ranged(request) }
    },
    match: ({ operation }) => ({ operation }),
    uploading: { begin: 'CreateMultipartUpload', abort: 'AbortMultipartUpload' },
    uploads: async base => {
      const mine = (await server.uploads('test')).filter(({ key }) => key.startsWith(`${keyOf(base)}/`))
      const empty = mine.filter(({ parts }) => Object.keys(parts).length === 0).length
      return { empty, filled: mine.length - empty }
    },
    forget: async base => { for (const name of ['old', 'new']) await server.put('test', `${keyOf(base)}/${name}`, '') }
  }
}

const nothings = new Set(['objects.delete', 'buckets.delete', 'uploads.start', 'uploads.put', 'uploads.query', 'uploads.cancel'])
const endings: Readonly<Record<string, string>> = { 'uploads.put': 'uploads.put of the last bytes', 'uploads.query': 'uploads.query of the end' }

/** Requests of an upload that name its size make the object, the others are told how much is there. */
function gcsRequest (request: RecordedRequest): WireRequest {
  const { operation, rawHeaders } = request
  const place = rawHeaders[rawHeaders.indexOf('content-range') + 1] ?? ''
  const ending = place.startsWith('bytes ') && !place.endsWith('/*') ? endings[operation] : undefined
  if (ending !== undefined) return { operation, label: ending, answer: 'document', ranged: false }
  const answer = operation === 'objects.getMedia' ? 'content' : nothings.has(operation) ? 'empty' : 'document'
  return { operation, label: ranged(request) ? `${operation} of a range` : operation, answer, ranged: ranged(request) }
}

export async function openGcs (heavy: boolean): Promise<Store> {
  const server = await startGcsServer({ buckets: ['test'], rewriteBytes: 4 * MiB })
  const { endpoint, projectId } = server
  const keyOf = (base: string): string => base.slice('test/'.length)
  await server.put('test', 'big', bigContent)
  if (heavy) {
    await server.put('test', 'huge', hugeContent)
    await server.putMany('test', manyKeys('many'), '')
  }
  return {
    name: 'gs',
    brief: true,
    big: 'test/big',
    huge: 'test/huge',
    many: 'test/many',
    fill: base => server.putMany('test', manyKeys(`${keyOf(base)}/many`), ''),
    open: (options, refused) => new GcsFileSystem({ apiEndpoint: refused ? nowhere : endpoint, projectId, ...patience, ...options }),
    seed: async run => {
      for (const [name, data] of Object.entries(seeds)) await server.put('test', `${run}/${name}`, data)
      return `test/${run}`
    },
    stored: (base, name) => server.get('test', `${keyOf(base)}/${name}`),
    ...controls(server),
    describe: gcsRequest,
    match: ({ operation }) => ({ operation }),
    uploading: { begin: 'uploads.start', abort: 'uploads.cancel' },
    uploads: async base => {
      const mine = (await server.uploads('test')).filter(({ key }) => key.startsWith(`${keyOf(base)}/`))
      const empty = mine.filter(({ persisted }) => persisted === 0).length
      return { empty, filled: mine.length - empty }
    },
    forget: async base => { for (const name of ['old', 'new']) await server.put('test', `${keyOf(base)}/${name}`, '') }
  }
}

export async function openHttp (ranges: boolean, heavy: boolean): Promise<Store> {
  const more = heavy ? { huge: hugeContent, 'many/a/one': content, 'many/b/two': content } : {}
  const files = { 'r/a': content, 'r/text': text, 'r/dir/one': content, 'r/dir/two': content, 'r/dir/sub/three': content, ...more, big: bigContent }
  const server = await startFileServer({ files, ranges })
  return {
    name: ranges ? 'http' : 'http without ranges',
    big: `${server.endpoint}/big`,
    huge: `${server.endpoint}/huge`,
    many: `${server.endpoint}/many`,
    fill: async () => {},
    open: options => new HttpFileSystem({ ...patience, ...options }),
    seed: async (_run, refused) => `${refused ? nowhere : server.endpoint}/r`,
    stored: async () => undefined,
    ...controls(server),
    describe: request => {
      const page = request.target.endsWith('/')
      const { method: operation } = request
      const part = ranges && ranged(request)
      const label = operation === 'HEAD' ? 'HEAD' : page ? 'GET of a page' : part ? 'GET of a range' : 'GET'
      return { operation, label, answer: operation === 'HEAD' ? 'head' : page ? 'document' : 'content', ranged: part }
    },
    match: ({ operation, answer }) => operation === 'HEAD' ? { method: 'HEAD' } : { method: 'GET', key: answer === 'content' ? /[^/]$/ : /\/$/ },
    uploading: { begin: '', abort: '' },
    uploads: async () => ({ empty: 0, filled: 0 }),
    forget: async () => {}
  }
}
