import assert from 'node:assert/strict'
import { openDataChannel } from '../../../lib/workers/worker.js'
import { startWorker } from '../../../lib/workers/index.js'
import { failure, kinds, separate, tasks, withWorker } from './support.js'

for (const kind of kinds) {
  describe(`openDataChannel() of a worker of kind '${kind}'`, () => {
    it('delivers messages and blocks in order and whole', () => withWorker({ kind }, async worker => {
      const data = openDataChannel(worker)
      assert.equal(openDataChannel(worker), data)
      const [count, bytes] = [40, (1 << 20) + 1]
      let seen = 0
      const all = new Promise<void>((resolve, reject) => {
        data.onMessage((message, blocks) => {
          try {
            assert.deepEqual(message, { index: seen })
            assert.equal(blocks.length, 1)
            assert.ok(blocks[0] instanceof ArrayBuffer)
            const block = new Uint8Array(blocks[0])
            assert.equal(block.length, bytes)
            assert.deepEqual([block[0], block[bytes >> 1], block[bytes - 1]], [seen, seen, seen])
            if (++seen === count) resolve()
          } catch (error) {
            reject(error as Error)
          }
        })
      })
      const call = worker.call(tasks, 'pour', [count, bytes])
      await all
      await data.post('done')
      assert.equal(await call, 'done')
    }))

    it('carries any number of blocks of any size both ways, and moves them', () => withWorker({ kind }, async worker => {
      const data = openDataChannel(worker)
      const call = worker.call(tasks, 'mirror')
      for (const sizes of [[0], [1], [0, 3, 0, 70_000], [65_536, 65_537], [300_000, 1, 2, 3]]) {
        const blocks = sizes.map((size, index) => new Uint8Array(size).fill(index + 1).buffer)
        const back = new Promise<[unknown, ArrayBuffer[]]>(resolve => { data.onMessage((...received) => { resolve(received) }) })
        await data.post({ sizes }, blocks)
        if (kind === 'thread') assert.ok(blocks.every(block => block.byteLength === 0))
        const [message, received] = await back
        assert.deepEqual(message, { sizes })
        assert.deepEqual(received.map(block => block.byteLength), sizes)
        received.forEach((block, index) => { assert.ok(new Uint8Array(block).every(byte => byte === index + 1)) })
      }
      await data.post('end')
      await call
    }))

    it('closes with its worker', async () => {
      const worker = await startWorker({ kind })
      const data = openDataChannel(worker)
      const closed = new Promise<void>(resolve => { data.onClose(resolve) })
      await worker.close()
      await closed
      assert.equal(data.post('nobody hears', [new ArrayBuffer(8)]), undefined)
    })
  })
}

for (const kind of separate) {
  it(`openDataChannel(): closes when a worker of kind '${kind}' dies, and a sender that waits goes on`, () => withWorker({ kind }, async worker => {
    const data = openDataChannel(worker)
    const closed = new Promise<void>(resolve => { data.onClose(resolve) })
    const call = failure(worker.call(tasks, 'busy', [60_000], { timeoutMs: 200 }))
    const waits: Array<Promise<void>> = []
    for (let index = 0; index < 32; index++) {
      const wait = data.post(index, [new ArrayBuffer(1 << 20)])
      if (wait !== undefined) waits.push(wait)
    }
    if (kind === 'process') assert.ok(waits.length > 0)
    await call
    await closed
    await Promise.all(waits)
  }))
}
