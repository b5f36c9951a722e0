import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a process prints that runs this code with the package as its users get it. */
async function output (code: string, ...flags: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '--eval', code], { cwd: new URL('../../../', import.meta.url) })
  return JSON.parse(stdout)
}

const entries = ['forkfs', 'forkfs/local', 'forkfs/memory', 'forkfs/http', 'forkfs/s3', 'forkfs/loader', 'forkfs/workers', 'forkfs/register']

describe('importing the package', () => {
  it('loads no network, no SDK, no undici, and leaves no listener, timer or handle', async () => {
    const found = await output(`
      const listeners = () => process.eventNames().map(name => [String(name), process.listenerCount(name)])
      const before = { modules: new Set(process.moduleLoadList), listeners: listeners() }
      for (const entry of ${JSON.stringify(entries)}) await import(entry)
      const { createRequire } = await import('node:module')
      const loaded = process.moduleLoadList.filter(name => !before.modules.has(name))
      console.log(JSON.stringify({
        network: loaded.filter(name => /^NativeModule (?:net|tls|http|https|http2|dgram|child_process|cluster|inspector)$/.test(name)),
        packages: Object.keys(createRequire(process.cwd() + '/x.js').cache).filter(path => /undici|aws-sdk|smithy/.test(path)),
        listeners: listeners().filter(([name, count]) => count !== (before.listeners.find(([other]) => other === name)?.[1] ?? 0)),
        active: process.getActiveResourcesInfo().filter(name => !/Pipe|TTY|File|CloseReq|FSReq/.test(name))
      }))`)
    assert.deepEqual(found, { network: [], packages: [], listeners: [], active: [] })
  })

  it('works by require() as it does by import', async () => {
    const found = await output(`
      import { createRequire } from 'node:module'
      const require = createRequire(process.cwd() + '/x.js')
      const { filesystem } = require('forkfs')
      const fs = filesystem('memory')
      await fs.writeText('a', 'b')
      console.log(JSON.stringify([await fs.readText('a'), (await import('forkfs')).filesystem === filesystem, Object.keys(require('forkfs/s3'))]))`, '--no-warnings')
    assert.deepEqual(found, ['b', true, ['S3FileSystem']])
  })

  it('gives one registry to all entries', async () => {
    const found = await output(`
      import { filesystem, FileSystem } from 'forkfs'
      import { MemoryFileSystem } from 'forkfs/memory'
      import { LocalFileSystem } from 'forkfs/local'
      console.log(JSON.stringify([filesystem('memory') instanceof MemoryFileSystem, filesystem('file') instanceof LocalFileSystem, new MemoryFileSystem() instanceof FileSystem]))`)
    assert.deepEqual(found, [true, true, true])
  })
})
