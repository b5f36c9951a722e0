/** A writer of streams is killed: each object is absent or whole, what was said to be closed is there, and recover() leaves no upload. */
import { recover, withStream } from '../../../lib/streams/index.js'
import type { RecoverReport } from '../../../lib/streams/index.js'
import { contentOf, nameOf } from '../../soak/random.js'
import type { StreamsJob } from '../children/streams.js'
import { bucket } from '../scene.js'
import type { Child, Scene } from '../scene.js'

const MiB = 1 << 20
/** Nothing, one request, parts. */
const sizes = [0, 1, 70_000, 900_000, 3 * MiB, 6 * MiB + 1, 9 * MiB, 11 * MiB]
const former = 'what was there before'
const slowed = ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'UploadPart', 'UploadPart', 'CompleteMultipartUpload']

export async function streamsRound (scene: Scene): Promise<void> {
  const { random, server, prefix, options } = scene
  const keys = Array.from({ length: 4 }, (_, id) => `${prefix}/${nameOf(id, random.of(sizes))}`)
  const replaced = random.next() < 0.3 ? keys.slice(0, 2) : []
  for (const key of replaced) await server.put(bucket, key, former)
  await scene.slow(slowed, 60)
  const thread = random.next() < 0.25
  const job: StreamsJob = { options, bucket, thread, seed: random.below(2 ** 31), lists: [keys.slice(0, 2), keys.slice(2)] }
  const child = scene.start('streams', job)
  if (random.next() < 0.4) await scene.request(child, random.of(['UploadPart', 'UploadPart', 'CompleteMultipartUpload']), 1 + random.below(3), 40)
  else await scene.moment(child, 14, 60)
  const exits = await end(scene, child, thread)
  const report = await scene.within('recover()', recover({ s3: options }))
  for (const failure of report.failures) scene.wrong('leaked', `recover() failed: ${String(failure)}`)
  scene.check(exits || report.committed === 0, 'torn', `recover() published ${report.committed} streams of a killed process`)
  await scene.quiet()
  await scene.checkUploads()
  for (const key of keys) await checkObject(scene, child, key, { former: replaced.includes(key), report })
  await again(scene, keys[0]!)
}

/** @returns whether the process left by process.exit(): what was whole then is published later */
async function end (scene: Scene, child: Child, thread: boolean): Promise<boolean> {
  const draw = scene.random.next()
  if (thread && draw < 0.7) {
    scene.strike(child, 'terminate()', () => { child.tell('terminate') })
    await scene.left(child)
    return false
  }
  if (draw < 0.15) {
    scene.strike(child, 'process.exit()', () => { child.tell('exit') })
    await scene.within('the end of the process', child.ended)
    return true
  }
  await scene.kill(child)
  return false
}

async function checkObject (scene: Scene, child: Child, key: string, { former: hadFormer, report }: { readonly former: boolean, readonly report: RecoverReport }): Promise<void> {
  const data = await scene.server.get(bucket, key)
  const closed = child.said('closed').includes(key)
  if (data === undefined) {
    scene.check(!closed && !hadFormer, 'torn', `${key} is missing, ${closed ? 'though it was closed' : 'and was there before'}`)
    return
  }
  if (Buffer.compare(data, contentOf(key)) === 0) {
    scene.check(closed || child.said('written').includes(key) || report.committed > 0, 'torn', `${key} was published before it was written`)
    return
  }
  const untouched = hadFormer && Buffer.from(data).toString() === former
  scene.check(untouched && !closed, 'torn', `${key} has ${data.byteLength} bytes that are not its own${closed ? ', though it was closed' : ''}`)
}

/** The next process can write what the killed one could not. */
async function again (scene: Scene, key: string): Promise<void> {
  const content = contentOf(key)
  await scene.within('another write', withStream(`s3://${bucket}/${key}`, 'w', async stream => { await stream.write(content) }, { s3: scene.options }))
  const data = await scene.server.get(bucket, key)
  scene.check(data !== undefined && Buffer.compare(data, content) === 0, 'torn', `${key} was written again, and is not what was written`)
}
