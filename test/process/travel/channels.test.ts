import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BroadcastChannel, MessageChannel, setEnvironmentData, Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import Tinypool from 'tinypool'
import { currentOwner, filesystem, revive } from '../../../lib/index.js'
import type { FileSystem, OwnerTag } from '../../../lib/index.js'
import { spawnS3Server } from '../../servers/index.js'
import type { S3Server } from '../../servers/index.js'
import { forkCluster } from '../support.js'
import type { Report } from './fixtures/report.js'

const receiver = new URL('./fixtures/receive.child.js', import.meta.url)
const task = fileURLToPath(new URL('./fixtures/pool-task.js', import.meta.url))
const preload = ['--import', new URL('../../../lib/registry/register.js', import.meta.url).href]
const path = 'test/dir/hello.txt'

describe('an S3 filesystem that is sent away', () => {
  let server: S3Server
  let fs: FileSystem
  before(async () => {
    server = await spawnS3Server()
    const { endpoint, region, accessKeyId, secretAccessKey } = server
    fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, shareCredentials: true })
    await fs.writeText(path, 'hello from afar')
  })
  after(async () => {
    await fs.close()
    await server.close()
  })

  function check (result: Report): void {
    const { owner, ...rest } = result
    assert.deepEqual(rest, { live: true, text: 'hello from afar', same: true })
    assert.notDeepEqual(owner as OwnerTag, currentOwner())
  }

  async function threadReport (how: string, byHand: boolean, send: (worker: Worker) => void = () => {}, more: { data?: object, transfer?: import('node:worker_threads').TransferListItem[] } = {}): Promise<void> {
    const worker = new Worker(receiver, { workerData: { how, byHand, ...more.data }, transferList: more.transfer ?? [], execArgv: byHand ? [] : preload })
    const exited = once(worker, 'exit')
    const answered = once(worker, 'message')
    send(worker)
    check((await answered)[0] as Report)
    assert.deepEqual(await exited, [0])
  }

  for (const byHand of [true, false]) {
    const mode = byHand ? 'revived by hand' : 'with --import forkfs/register'
    it(`reads in a thread that got it as workerData, ${mode}`, () => threadReport('workerData', byHand, undefined, { data: { message: { fs, again: fs, path } } }))
    for (const how of ['on', 'once', 'events.once', 'addEventListener', 'onmessage']) {
      it(`reads in a thread that got it by postMessage and ${how}, ${mode}`, () => threadReport(how, byHand, worker => { worker.postMessage({ fs, again: fs, path }) }))
    }
    for (const serialization of ['json', 'advanced'] as const) {
      it(`reads in a forked process with ${serialization} messages, ${mode}`, async () => {
        const child = fork(receiver, [byHand ? 'by-hand' : 'registered'], { serialization, execArgv: byHand ? [] : preload })
        const exited = once(child, 'exit')
        assert.deepEqual((await once(child, 'message'))[0], 'ready')
        child.send({ fs, again: fs, path } as never)
        check((await once(child, 'message'))[0] as Report)
        assert.deepEqual((await exited)[0], 0)
      })
    }
    it(`reads in a cluster worker, ${mode}`, async () => {
      const worker = forkCluster(fileURLToPath(receiver), { args: [byHand ? 'by-hand' : 'registered'], execArgv: byHand ? [] : preload })
      const exited = once(worker, 'exit')
      assert.deepEqual((await once(worker, 'message'))[0], 'ready')
      worker.send({ fs, again: fs, path } as never)
      check((await once(worker, 'message'))[0] as Report)
      assert.deepEqual((await exited)[0], 0)
    })
  }

  it('reads in a thread that got it through a MessagePort', async () => {
    const { port1, port2 } = new MessageChannel()
    await threadReport('MessagePort', true, () => { port1.postMessage({ fs, again: fs, path }) }, { data: { port: port2 }, transfer: [port2] })
    port1.close()
  })

  it('reads in a thread that got it through a BroadcastChannel', async () => {
    const channel = new BroadcastChannel('forkfs-test')
    const worker = new Worker(receiver, { workerData: { how: 'BroadcastChannel', byHand: true } })
    const exited = once(worker, 'exit')
    assert.deepEqual((await once(worker, 'message'))[0], 'ready')
    const answered = once(worker, 'message')
    channel.postMessage({ fs, again: fs, path })
    check((await answered)[0] as Report)
    channel.close()
    assert.deepEqual(await exited, [0])
  })

  it('reads in a thread that got it as environment data', async () => {
    setEnvironmentData('forkfs-test', { fs, again: fs, path } as never)
    try {
      await threadReport('environmentData', true)
    } finally {
      setEnvironmentData('forkfs-test', undefined as never)
    }
  })

  it('reads after JSON.stringify and JSON.parse', async () => {
    const back = revive(JSON.parse(JSON.stringify({ fs, list: [fs] }))) as { fs: FileSystem, list: FileSystem[] }
    assert.equal(back.fs, back.list[0])
    assert.equal(await back.fs.readText(path), 'hello from afar')
  })

  it('reads in tasks of piscina', async () => {
    const pool = new Piscina({ filename: task, maxThreads: 2 })
    for (const result of await Promise.all([1, 2, 3].map(async () => await pool.run({ fs, again: fs, path }) as Report))) check(result)
    await pool.destroy()
  })

  for (const runtime of ['worker_threads', 'child_process'] as const) {
    it(`reads in tasks of tinypool (${runtime})`, async () => {
      const pool = new Tinypool({ filename: task, runtime, maxThreads: 1 })
      check(await pool.run({ fs, again: fs, path }) as Report)
      await pool.destroy()
    })
  }
})
