import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { version } from '../../../lib/owner/version.js'
import { openFaulty } from './support.js'

describe('GCS: headers', () => {
  it('tells stores the version of the package, which is that of package.json, and of Node', async () => {
    const manifest = createRequire(import.meta.url)('forkfs/package.json') as { readonly version: string }
    assert.equal(version, manifest.version)
    await using running = await openFaulty()
    await running.fs.pipeFile('test/a', 'a')
    await running.fs.readText('test/a')
    const node = process.versions.node
    for (const { method, rawHeaders } of await running.server.requests()) {
      const of = (name: string): string => rawHeaders[rawHeaders.findIndex(each => each.toLowerCase() === name) + 1]!
      assert.equal(of('user-agent'), `forkfs/${version} node/${node}`)
      assert.match(of('x-goog-api-client'), method === 'GET' ? new RegExp(`^gl-node/${node} gccl/${version}$`) : new RegExp(`^gl-node/${node} gccl/${version} gccl-invocation-id/[0-9a-f-]{36}$`))
    }
  })
})
