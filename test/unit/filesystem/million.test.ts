import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** The names alone of a quarter of a million keys take more. */
const maxOldGenerationSizeMb = 32

async function run (verb: string): Promise<unknown> {
  const worker = new Worker(new URL('./fixtures/million.child.js', import.meta.url), { workerData: verb, resourceLimits: { maxOldGenerationSizeMb } })
  try {
    const [counted] = await once(worker, 'message') as [unknown]
    return counted
  } finally {
    await worker.terminate()
  }
}

describe(`in ${maxOldGenerationSizeMb} MB of memory`, function () {
  this.timeout(30_000)

  for (const verb of ['list', 'du', 'rm']) it(`${verb}() goes through a million keys`, async () => { assert.equal(await run(verb), 1_000_000) })
  for (const verb of ['walk', 'glob', 'cp', 'rm by levels']) it(`${verb} goes through a quarter of a million`, async () => { assert.equal(await run(verb), 250_000) })

  it('find() does not, because its result holds them all', async () => {
    await assert.rejects(run('find'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })
  })
})
