import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../scripts/soak/index.js', import.meta.url))

interface Run { readonly code: number | null, readonly output: string }

async function soak (...args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 110_000, killSignal: 'SIGKILL' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const [code] = await once(child, 'close') as [number | null]
  return { code, output }
}

describe('the soak', function () {
  this.timeout(120_000)

  it('finds no wrong byte and nothing left after faults, aborts and kills', async () => {
    const { code, output } = await soak('--seconds', '20')
    assert.equal(code, 0, output)
    for (const what of ['sockets left', 'uploads left', 'workers killed', 'calls aborted']) assert.match(output, new RegExp(`^ *${what} +\\d+$`, 'm'), output)
    for (const what of ['sockets left', 'uploads left']) assert.match(output, new RegExp(`^ *${what} +0$`, 'm'), output)
    assert.match(output, /seed \d+/)
  })

  it('ends with 2 for an option that it does not take', async () => {
    assert.equal((await soak('--seconds', '0')).code, 2)
    assert.equal((await soak('--minutes', '1')).code, 2)
  })
})
