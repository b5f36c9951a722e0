import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const transport = new URL('../../../lib/net/undici.js', import.meta.url).href

/** What a process has loaded of undici when its transport is open. */
async function loadedFiles (env: Readonly<Record<string, string>>): Promise<string[]> {
  const code = `
    import { createRequire } from 'node:module'
    const { UndiciTransport } = await import(${JSON.stringify(transport)})
    const transport = await UndiciTransport.open({ connections: 1 })
    await transport.close()
    console.log(JSON.stringify(Object.keys(createRequire(process.cwd() + '/x.js').cache).filter(path => path.includes('undici'))))`
  const { HTTP_PROXY: _1, HTTPS_PROXY: _2, http_proxy: _3, https_proxy: _4, ...rest } = process.env
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code], { env: { ...rest, ...env } })
  return JSON.parse(stdout) as string[]
}

describe('UndiciTransport.open()', () => {
  it('loads only what requests need of undici, neither fetch nor WebSocket, without a proxy', async () => {
    const files = await loadedFiles({})
    assert.ok(files.some(path => path.endsWith('agent.js')))
    assert.deepEqual(files.filter(path => /undici\/index\.js|\/web\/|\/mock\//.test(path)), [])
  })

  it('loads the package where the environment names a proxy', async () => {
    const files = await loadedFiles({ HTTP_PROXY: 'http://127.0.0.1:1' })
    assert.ok(files.some(path => path.endsWith('env-http-proxy-agent.js')))
  })
})
