import { checkNames } from '../errors/index.js'
import type { CatOptions, ReadBlockOptions } from './cat.js'
import type { ExpandOptions } from './expand.js'
import type { FindOptions } from './find.js'
import type { GlobOptions } from './glob.js'
import type { CatRangesOptions } from './ranges.js'
import type { RemoveOptions } from './remove.js'
import type { BulkVerb, CopyOptions, OpenOptions, ReadVerb, TreeVerb, Verb, WriteOptions } from './types.js'
import type { WalkOptions } from './walk.js'

type Names = ReadonlySet<string>

/** The compiler holds the names to the type: each of them, and no other. */
function names<T extends Verb> (table: Readonly<Record<keyof T, true>>): Names { return new Set(Object.keys(table)) }

const plain = names<Verb>({ signal: true })
const copying = names<CopyOptions>({ signal: true, onError: true, maxConcurrency: true, progress: true, recursive: true, maxDepth: true })
const writing = names<Verb & WriteOptions>({ signal: true, flag: true, ifMatch: true, contentType: true, metadata: true, partBytes: true })
const slice = names<ReadVerb>({ signal: true, start: true, end: true, ifMatch: true })
const searching = names<TreeVerb & FindOptions & GlobOptions>({ signal: true, maxDepth: true, withDirectories: true, detail: true })

/** What each public verb takes. Calls under other names (steps of an open file, verbs that a class adds) are not looked at. */
const verbs: ReadonlyMap<string, Names> = new Map<string, Names>([
  ['ls', names<Verb & { readonly refresh?: boolean }>({ signal: true, refresh: true })],
  ['list', names<Verb & { readonly recursive?: boolean }>({ signal: true, recursive: true })],
  ...['info', 'exists', 'isFile', 'isDirectory', 'size', 'head', 'tail', 'rmdir', 'checksum', 'uploads', 'abortUpload'].map(verb => [verb, plain] as const),
  ['walk', names<Verb & WalkOptions>({ signal: true, maxDepth: true, topDown: true, onError: true })],
  ['find', searching],
  ['glob', searching],
  ['du', names<TreeVerb>({ signal: true, maxDepth: true, withDirectories: true })],
  ['expandPath', names<Verb & ExpandOptions>({ signal: true, recursive: true, maxDepth: true, literal: true })],
  ['catFile', slice],
  ['cat', names<CatOptions>({ signal: true, onError: true, maxConcurrency: true, progress: true, recursive: true, maxDepth: true })],
  ['catRanges', names<CatRangesOptions>({ signal: true, onError: true, maxConcurrency: true, progress: true, maxGap: true, maxBlock: true, into: true })],
  ['readText', names<Verb & { readonly encoding?: BufferEncoding }>({ signal: true, encoding: true })],
  ['readBlock', names<Verb & ReadBlockOptions>({ signal: true, delimiter: true })],
  ['pipeFile', writing],
  ['pipe', names<BulkVerb>({ signal: true, onError: true, maxConcurrency: true, progress: true })],
  ['writeText', writing],
  ['touch', names<Verb & { readonly truncate?: boolean }>({ signal: true, truncate: true })],
  ...['get', 'put', 'cp', 'mv'].map(verb => [verb, copying] as const),
  ['rm', names<Verb & RemoveOptions>({ signal: true, recursive: true, maxDepth: true, progress: true })],
  ['mkdir', names<Verb & { readonly createParents?: boolean }>({ signal: true, createParents: true })],
  ['makedirs', names<Verb & { readonly existOk?: boolean }>({ signal: true, existOk: true })],
  ['sign', names<Verb & { readonly expiresSeconds?: number, readonly method?: 'GET' }>({ signal: true, expiresSeconds: true, method: true })],
  ['open', names<OpenOptions>({
    signal: true, flag: true, ifMatch: true, contentType: true, metadata: true, partBytes: true, cache: true, blockBytes: true, firstBytes: true, compression: true
  })],
  ['createReadStream', names<Verb & { readonly start?: number, readonly end?: number, readonly highWaterMark?: number }>({ signal: true, start: true, end: true, highWaterMark: true })],
  ['createWriteStream', writing],
  ['readable', slice],
  ['writable', writing]
])

/**
 * @param more what verbs of the class take besides
 * @throws TypeError for an option that the verb does not know, see checkNames()
 */
export function checkVerbOptions (verb: string, options: object, more: readonly string[]): void {
  const known = verbs.get(verb)
  if (known !== undefined) checkNames(`${verb}()`, options, known, more)
}
