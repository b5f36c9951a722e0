import { equal } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const workers = new URL('../../../lib/workers/index.js', import.meta.url).href

describe('startWorker() of a program text', () => {
  for (const kind of ['thread', 'process']) {
    it(`starts, ${kind}: what belongs to the text is not handed on, what is loaded beforehand is`, async () => {
      const program = `
        import { startWorker } from ${JSON.stringify(workers)}
        const worker = await startWorker({ kind: '${kind}' })
        console.log(await worker.call(new URL('data:text/javascript,export const loaded = () => globalThis.loaded'), 'loaded'))
        await worker.close()`
      const preload = 'data:text/javascript,globalThis.loaded = 22'
      const { stdout } = await run(process.execPath, ['--import', preload, '--input-type=module', '-e', program])
      equal(stdout.trim(), '22')
    })
  }
})
