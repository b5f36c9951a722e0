/** A writer of streams is killed: each object is absent or whole, what was said to be closed is there, and recover() leaves no upload. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { localTemporaryPattern } from '../../../lib/file/local.js'
import { recover, withStream } from '../../../lib/streams/index.js'
import type { RecoverReport } from '../../../lib/streams/index.js'
import { contentOf, nameOf } from '../../soak/random.js'
import type { StreamsJob } from '../children/streams.js'
import { ageUnfinished } from '../leftovers.js'
import { bucket } from '../scene.js'
import type { Child, Scene } from '../scene.js'

const MiB = 1 << 20
/** Nothing, one request, parts. */
const sizes = [0, 1, 70_000, 900_000, 3 * MiB, 6 * MiB + 1, 9 * MiB, 11 * MiB]
const former = 'what was there before'
const slowed = ['PutObject', 'CreateMultipartUpload', 'UploadPart', 'UploadPart', 'UploadPart', 'CompleteMultipartUpload']

/** Where the streams of a round go. */
interface Target {
  /** The store is asked for it; what happens on a disk nobody can wait for. */
  readonly far: boolean
  uri (key: string): string
  put (key: string, text: string): Promise<void>
  get (key: string): Promise<Uint8Array | undefined>
}

function store ({ server }: Scene): Target {
  return {
    far: true,
    uri: key => `s3://${bucket}/${key}`,
    put: (key, text) => server.put(bucket, key, text),
    get: key => server.get(bucket, key)
  }
}

function disk (scene: Scene): Target {
  const uri = (key: string): string => join(scene.folder, 'objects', key)
  return {
    far: false,
    uri,
    async put (key, text) {
      await mkdir(dirname(uri(key)), { recursive: true })
      await writeFile(uri(key), text)
    },
    get: key => readFile(uri(key)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return undefined
    })
  }
}

export async function streamsRound (scene: Scene): Promise<void> {
  const { random, prefix, options } = scene
  const target = random.next() < 0.4 ? disk(scene) : store(scene)
  const keys = Array.from({ length: 4 }, (_, id) => `${prefix}/${nameOf(id, random.of(sizes))}`)
  const replaced = random.next() < 0.3 ? keys.slice(0, 2) : []
  for (const key of replaced) await target.put(key, former)
  await scene.slow(slowed, 60)
  const thread = random.next() < 0.25
  const lists = [keys.slice(0, 2), keys.slice(2)].map(list => list.map(key => target.uri(key)))
  const job: StreamsJob = { options, lists, thread, within: random.next() < 0.5, seed: random.below(2 ** 31) }
  const child = scene.start('streams', job)
  if (target.far && random.next() < 0.4) await scene.request(child, random.of(['UploadPart', 'UploadPart', 'CompleteMultipartUpload']), 1 + random.below(3), 40)
  else await scene.moment(child, 14, target.far ? 60 : 15)
  const exits = await end(scene, child, thread)
  const report = await scene.within('recover()', recover({ s3: options }))
  for (const failure of report.failures) scene.wrong('leaked', `recover() failed: ${String(failure)}`)
  scene.check(exits || report.committed === 0, 'torn', `recover() published ${report.committed} streams of a killed process`)
  await scene.quiet()
  await scene.checkUploads()
  for (const key of keys) await checkObject(scene, child, { target, key, former: replaced.includes(key), report })
  if (target.far) await again(scene, target, keys[0]!)
  else await checkBeside(scene, target, keys)
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

interface Expected { readonly target: Target, readonly key: string, readonly former: boolean, readonly report: RecoverReport }

async function checkObject (scene: Scene, child: Child, { target, key, former: hadFormer, report }: Expected): Promise<void> {
  const data = await target.get(key)
  const said = (step: string): boolean => child.said(step).includes(target.uri(key))
  const closed = said('closed')
  if (data === undefined) {
    scene.check(!closed && !hadFormer, 'torn', `${key} is missing, ${closed ? 'though it was closed' : 'and was there before'}`)
    return
  }
  if (Buffer.compare(data, contentOf(key)) === 0) {
    scene.check(closed || said('written') || report.committed > 0, 'torn', `${key} was published before it was written`)
    return
  }
  const untouched = hadFormer && Buffer.from(data).toString() === former
  scene.check(untouched && !closed, 'torn', `${key} has ${data.byteLength} bytes that are not its own${closed ? ', though it was closed' : ''}`)
}

/** The next process can write what the killed one could not. */
async function again (scene: Scene, target: Target, key: string): Promise<void> {
  const content = contentOf(key)
  await scene.within('another write', withStream(target.uri(key), 'w', async stream => { await stream.write(content) }, { s3: scene.options }))
  const data = await target.get(key)
  scene.check(data !== undefined && Buffer.compare(data, content) === 0, 'torn', `${key} was written again, and is not what was written`)
}

/** What the killed process has staged beside its objects goes with a later write, when it is old. */
async function checkBeside (scene: Scene, target: Target, keys: readonly string[]): Promise<void> {
  const folder = dirname(target.uri(keys[0]!))
  const names = keys.map(key => target.uri(key).slice(folder.length + 1))
  const others = async (): Promise<string[]> => (await readdir(folder).catch(() => [])).filter(name => !names.includes(name))
  const strange = (await others()).filter(name => !localTemporaryPattern.test(name))
  scene.check(strange.length === 0, 'leaked', `beside the objects there is ${strange.join()}`)
  await ageUnfinished(folder, localTemporaryPattern)
  await again(scene, target, keys[0]!)
  if (process.platform !== 'linux') return // elsewhere nobody can tell that a writer is dead
  await scene.within('the end of what was staged', (async () => {
    while ((await others()).length > 0) { // nobody waits for it, and just now another folder may have had its turn
      await delay(20)
      await again(scene, target, keys[0]!)
    }
  })())
}
