import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'

describe('import of forkfs/workers', () => {
  it('has no side effect: no handle, no listener, no transport, also of the worker entry', () => {
    const modules = ['../../../lib/workers/index.js', '../../../lib/workers/bootstrap.js'].map(path => new URL(path, import.meta.url).href)
    const script = `
      const before = process.eventNames().map(String).sort().join()
      await Promise.all(${JSON.stringify(modules)}.map(module => import(module)))
      const loaded = ['node:http', 'node:tls', 'undici'].filter(name => process.moduleLoadList.includes('NativeModule ' + name.slice(5)))
      console.log(JSON.stringify({ same: before === process.eventNames().map(String).sort().join(), handles: process.getActiveResourcesInfo().filter(name => !/Pipe|TTY|^(CloseReq|FSReq)/.test(name)), loaded }))`
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    assert.equal(status, 0)
    assert.deepEqual(JSON.parse(stdout), { same: true, handles: [], loaded: [] })
  })
})
