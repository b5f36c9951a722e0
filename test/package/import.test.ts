import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { repository } from '../patterns.js'

const run = promisify(execFile)

/** What a process prints that runs this code with the package as its users get it. */
async function output (code: string, ...flags: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [...flags, '--input-type=module', '--eval', code], { cwd: repository })
  return JSON.parse(stdout)
}

const { exports } = JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as { exports: object }
const forTests = ['forkfs/testing', 'forkfs/conformance']
const entries = Object.keys(exports).filter(name => name !== './package.json').map(name => name.replace('.', 'forkfs')).filter(name => !forTests.includes(name))

/** What is there after these imports and was not before. */
function leftBy (imported: readonly string[]): Promise<unknown> {
  return output(`
    const listeners = () => process.eventNames().map(name => [String(name), process.listenerCount(name)])
    const before = { modules: new Set(process.moduleLoadList), listeners: listeners() }
    for (const entry of ${JSON.stringify(imported)}) await import(entry)
    const { createRequire } = await import('node:module')
    const loaded = process.moduleLoadList.filter(name => !before.modules.has(name))
    console.log(JSON.stringify({
      network: loaded.filter(name => /^NativeModule (?:net|tls|http|https|http2|dgram|child_process|cluster|inspector)$/.test(name)),
      packages: Object.keys(createRequire(process.cwd() + '/x.js').cache).filter(path => /undici|aws-sdk|smithy|google|redis|koffi/.test(path)),
      listeners: listeners().filter(([name, count]) => count !== (before.listeners.find(([other]) => other === name)?.[1] ?? 0)),
      active: process.getActiveResourcesInfo().filter(name => !/Pipe|TTY|File|CloseReq|FSReq/.test(name))
    }))`)
}

describe('importing the package', () => {
  it('loads no network, no SDK, no undici, and leaves no listener, timer or handle', async () => {
    assert.deepEqual(await leftBy(entries), { network: [], packages: [], listeners: [], active: [] })
  })

  it('loads no package with what is for tests, and leaves no listener, timer or handle', async () => {
    const { network, ...left } = await leftBy(forTests) as { network: readonly string[] }
    assert.ok(network.includes('NativeModule http'))
    assert.deepEqual(left, { packages: [], listeners: [], active: [] })
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
