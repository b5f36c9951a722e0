import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'

/**
 * Classes, functions and other values that are exported, each with its kind. A new name is a promise, a lost one breaks users: what is
 * written here changes with a note in CHANGELOG.md. Types are in pinned-types.ts.
 */
const pinned: Readonly<Record<string, string>> = {
  '.': `class FileSystem, class FsError, class Mapper, function availableProtocols, function clearInstanceCache, function configure, function copy, function currentOwner,
      function decodeError, function encodeError, function escapeGlob, function filesystem, function getMapper, function isFileSystem, function isFsError,
      function loadImplementation, function open, function openFiles, function openLocal, function registerImplementation, function releaseOwner,
      function resetForFork, function revive, function reviving, function shutdown, function urlToFs`,
  './local': 'class LocalFileSystem',
  './memory': 'class MemoryFileSystem',
  './http': 'class HttpFileSystem',
  './s3': 'class S3FileSystem',
  './gcs': 'class GcsFileSystem',
  './checkpoint': 'class Checkpoint',
  './memmap': 'function allocate, function hasShareableMemory, function share',
  './loader': 'class DataLoader, class SampleError',
  './loader/bootstrap': 'function serveLoader',
  './workers': 'class WorkerBootstrapError, class WorkerDiedError, function createPool, function getCallContext, function startWorker',
  './workers/bootstrap': '',
  './streams': 'class UploadError, function openStream, function recover, function withStream',
  './register': '',
  './testing': 'function spawnGcsServer, function spawnS3Server, function startFileServer, function startGcsServer, function startS3Server',
  './conformance': 'function conformance'
}

const root = new URL('../../../', import.meta.url)
const manifest = JSON.parse(await readFile(new URL('package.json', root), 'utf8')) as { exports: Record<string, string | { types: string }> }
const entries = Object.entries(manifest.exports).filter((entry): entry is [string, { types: string }] => typeof entry[1] !== 'string')

const list = (text: string): string[] => text.split(',').map(name => name.trim()).filter(name => name !== '').sort()

function kindOf (value: unknown): string {
  if (typeof value !== 'function') return typeof value
  return /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function'
}

describe('the public names', () => {
  it('are in these entries', () => {
    assert.deepEqual(entries.map(([name]) => name).sort(), Object.keys(pinned).sort())
  })

  for (const [name, { types: declarations }] of entries) {
    it(`of ${name.replace('.', 'forkfs')} are these`, async () => {
      const module = await import(new URL(declarations.replace(/\.d\.ts$/, '.js'), root).href) as Record<string, unknown>
      assert.deepEqual(Object.entries(module).map(([exported, value]) => `${kindOf(value)} ${exported}`).sort(), list(pinned[name] ?? ''))
    })
  }
})
