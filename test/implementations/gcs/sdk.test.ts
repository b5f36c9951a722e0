/** Google's own client on the same server: what one writes the other reads. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { buffer } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { GcsFileSystem } from '../../../implementations/gcs/index.js'
import { hasPeer, MiB, openStore, pattern } from './support.js'
import type { Store } from './support.js'

interface File { save (data: Uint8Array, options: object): Promise<void>, createReadStream (options?: object): Readable }
interface Sdk { Storage: new (options: object) => { bucket (name: string): { file (name: string): File } } }

const KiB = 1024
const lengths = [0, 1, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, 8 * MiB - 1, 8 * MiB, 8 * MiB + 1, 16 * MiB + 3, 33 * MiB + 7]

describe('GCS: beside the SDK (needs @google-cloud/storage)', function () {
  this.timeout(60_000)
  let store: Store
  let fs: GcsFileSystem
  let file: (name: string) => File
  const whole = pattern(33 * MiB + 7)
  before(async function () {
    if (!hasPeer()) { this.skip(); return }
    store = await openStore()
    fs = store.open()
    const { Storage } = createRequire(import.meta.url)('@google-cloud/storage') as Sdk
    const storage = new Storage({ apiEndpoint: store.options.apiEndpoint, projectId: 'test-project' })
    file = name => storage.bucket(store.bucket).file(name)
  })
  after(() => store?.close())
  const same = (got: Uint8Array, expected: Uint8Array): void => { assert.ok(Buffer.from(got.buffer, got.byteOffset, got.length).equals(expected), `${got.length} bytes instead of ${expected.length}`) }

  for (const length of lengths) {
    it(`G1: reads what the SDK wrote: ${length} bytes`, async () => {
      const data = whole.subarray(0, length)
      await file(`sdk/${length}`).save(data, { resumable: length > 8 * MiB, validation: 'crc32c' })
      const path = `${store.bucket}/sdk/${length}`
      same(await fs.catFile(path), data)
      assert.equal(await fs.size(path), length)
      if (length > 10) same(await fs.catFile(path, { start: 3, end: -3 }), data.subarray(3, -3))
    })

    it(`G2: writes what the SDK reads with its CRC32C check: ${length} bytes, four ways`, async () => {
      const data = whole.subarray(0, length)
      const steps = function * (): Generator<Uint8Array> { for (let at = 0; at < length; at += 3 * MiB) yield data.subarray(at, at + 3 * MiB) }
      const at = (how: string): string => `${store.bucket}/ours/${how}/${length}`
      await fs.pipeFile(at('pipe'), data)
      await fs.withFile(at('open'), 'w', async handle => { for (const step of steps()) await handle.write(step) })
      await pipeline(steps(), fs.createWriteStream(at('node')))
      const writer = fs.writable(at('web')).getWriter()
      for (const step of steps()) await writer.write(step)
      await writer.close()
      for (const how of ['pipe', 'open', 'node', 'web']) same(await buffer(file(`ours/${how}/${length}`).createReadStream({ validation: 'crc32c' })), data)
    })
  }
})
