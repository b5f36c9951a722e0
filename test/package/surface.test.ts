import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import ts from 'typescript'

interface Entry {
  /** Classes, functions and other values that are exported, each with its kind. */
  readonly values: string
  /** Exported types; undefined where they are not pinned. */
  readonly types?: string
}

/** A new name is a promise, a lost one breaks users: what is written here changes with a note in CHANGELOG.md. */
const pinned: Readonly<Record<string, Entry>> = {
  '.': {
    values: `class FileSystem, class FsError, class Mapper, function availableProtocols, function clearInstanceCache, function configure, function copy, function currentOwner,
      function decodeError, function encodeError, function escapeGlob, function filesystem, function getMapper, function isFileSystem, function isFsError,
      function loadImplementation, function open, function openFiles, function openLocal, function registerImplementation, function releaseOwner,
      function resetForFork, function revive, function reviving, function shutdown, function urlToFs`,
    types: `BuiltinFileSystems, BuiltinOptions, BulkVerb, ByteRange, Bytes, Capabilities, Chunk, CommonOptions, CompressionName, CopyOptions, Descriptor, DescriptorBody,
      ErrorCode, FileHandle, FileInfo, FileSystemOf, FileSystemOptions, Implementation, ImplementationLoader, ListOptions, OpenFilesOptions, OpenFlags, OpenOptions, OptionSpec, OptionTable,
      OwnerTag, Progress, RangeOptions, RangeRead, ReadStrategyName, ReadVerb, RemoteErrorFields, ResetReport, Retry, RetryOptions, ReviveOptions, StagedWriter, Stats,
      Travel, TreeVerb, UnfinishedUpload, UrlOptions, Verb, WriteOptions`
  },
  './local': { values: 'class LocalFileSystem', types: 'LocalOptions' },
  './memory': { values: 'class MemoryFileSystem', types: 'MemoryOptions' },
  './http': { values: 'class HttpFileSystem', types: 'HttpFileInfo, HttpOptions' },
  './s3': { values: 'class S3FileSystem', types: 'S3Options' },
  './gcs': { values: 'class GcsFileSystem', types: 'GcsOptions' },
  './checkpoint': { values: 'class Checkpoint', types: 'CheckpointDirectory, PersistOptions, PruneOptions, ReadOptions' },
  './memmap': {
    values: 'function allocate, function hasShareableMemory, function share',
    types: 'AllocateOptions, Carrier, NumericArray, ShareOptions, SharedArray, SharingMode'
  },
  './loader': {
    values: 'class DataLoader, class SampleError',
    types: 'BytesSample, CustomReader, LoaderOptions, LoaderState, LoaderStats, ReaderContext, TarSample, WorkerStats'
  },
  './loader/bootstrap': { values: 'function serveLoader', types: '' },
  './workers': {
    values: 'class WorkerBootstrapError, class WorkerDiedError, function createPool, function getCallContext, function startWorker',
    types: 'BootstrapFailure, CallContext, CallOptions, PoolCallOptions, PoolOptions, RemoteWorker, RemoteWorkerOptions, SharingOptions, WorkerKind, WorkerPool'
  },
  './workers/bootstrap': { values: '', types: '' },
  './streams': {
    values: 'class UploadError, function openStream, function recover, function withStream',
    types: 'ObjectStream, RecoverOptions, RecoverReport, RedisOptions, StreamFlags, StreamOptions, StreamStats'
  },
  './register': { values: '', types: '' },
  './testing': { values: 'function spawnGcsServer, function spawnS3Server, function startFileServer, function startGcsServer, function startS3Server' },
  './conformance': { values: 'function conformance', types: 'Capability, ConformanceOptions, HarnessName, Runner, Space' }
}

const root = new URL('../../../', import.meta.url)
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as { exports: Record<string, string | { types: string }> }
const entries = Object.entries(manifest.exports).filter((entry): entry is [string, { types: string }] => typeof entry[1] !== 'string')

const list = (text: string): string[] => text.split(',').map(name => name.trim()).filter(name => name !== '').sort()

function kindOf (value: unknown): string {
  if (typeof value !== 'function') return typeof value
  return /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function'
}

/** Names that a declaration file exports as types: it is read, not compiled, so every one must be named in it. */
function typesOf (text: string): string[] {
  const names: string[] = []
  for (const statement of ts.createSourceFile('entry.d.ts', text, ts.ScriptTarget.ES2022).statements) {
    if (ts.isExportDeclaration(statement)) {
      assert.ok(statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause), 'entries name what they export')
      for (const { name, isTypeOnly } of statement.exportClause.elements) if (statement.isTypeOnly || isTypeOnly) names.push(name.text)
    } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      if (statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true) names.push(statement.name.text)
    }
  }
  return names.sort()
}

describe('the public names', () => {
  it('are in these entries', () => {
    assert.deepEqual(entries.map(([name]) => name).sort(), Object.keys(pinned).sort())
  })

  for (const [name, { types: declarations }] of entries) {
    const { values = '', types } = pinned[name] ?? {}
    it(`of ${name.replace('.', 'forkfs')} are these`, async () => {
      const module = await import(new URL(declarations.replace(/\.d\.ts$/, '.js'), root).href) as Record<string, unknown>
      assert.deepEqual(Object.entries(module).map(([exported, value]) => `${kindOf(value)} ${exported}`).sort(), list(values))
      if (types !== undefined) assert.deepEqual(typesOf(await readFile(new URL(declarations, root), 'utf8')), list(types))
    })
  }
})
