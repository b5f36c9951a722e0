/** Who persists, reads or describes checkpoints is killed. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Checkpoint } from '../../../lib/checkpoint/index.js'
import { localTemporaryPattern } from '../../../lib/file/local.js'
import { filesystem, isFsError } from '../../../lib/index.js'
import { recover } from '../../../lib/streams/index.js'
import { contentsOf } from '../../../test/systems/checkpoint/fixtures/actor.js'
import { contentOf, nameOf } from '../../soak/random.js'
import type { Random } from '../../soak/random.js'
import type { CheckpointJob } from '../children/checkpoint.js'
import { ageUnfinished } from '../leftovers.js'
import { bucket } from '../scene.js'
import type { Child, Scene } from '../scene.js'

const MiB = 1 << 20
const names = { manifest: '.checkpoint.json', marker: '.checkpoint.incomplete', copy: '.checkpoint.copy' }

export async function checkpointRound (scene: Scene): Promise<void> {
  const round = scene.random.of([persistRound, persistRound, readRound, readRound, placeRound, metadataRound])
  await round(scene)
  const report = await scene.within('recover()', recover({ s3: scene.options }))
  for (const failure of report.failures) scene.wrong('leaked', `recover() failed: ${String(failure)}`)
  await scene.quiet()
  await scene.checkUploads()
}

/** A local directory with files whose names tell their contents. */
async function localDirectory (scene: Scene, name: string, files: readonly string[]): Promise<string> {
  const folder = join(scene.folder, name)
  await mkdir(join(folder, 'shards'), { recursive: true })
  for (const file of files) await writeFile(join(folder, file), contentOf(file))
  return folder
}

function someFiles (random: Random, model: number): string[] {
  return [nameOf(1, model), ...Array.from({ length: 1 + random.below(5) }, (_, id) => `shards/${nameOf(id + 2, random.below(60_000))}`)]
}

/** Whether exactly these files are there, beside those of the checkpoint itself, each with its contents. */
function holds (folder: string, files: readonly string[]): boolean {
  const found = contentsOf(folder).names.filter(name => !name.startsWith('.'))
  return found.join() === [...files].sort().join() && files.every(file => Buffer.compare(readFileSync(join(folder, file)), contentOf(file)) === 0)
}

function start (scene: Scene, job: Omit<CheckpointJob, 's3'> & { readonly s3?: CheckpointJob['s3'] }): Child {
  return scene.start('checkpoint', { s3: scene.options, ...job } satisfies CheckpointJob)
}

/** Complete or absent for every reader; the next attempt succeeds, and nothing of the first one stays. */
async function persistRound (scene: Scene): Promise<void> {
  const { random, prefix, fs } = scene
  const root = `${bucket}/${prefix}`
  const [first, second] = [someFiles(random, random.of([300_000, 6 * MiB])), someFiles(random, 300_000)]
  const [source, other] = [await localDirectory(scene, 'first', first), await localDirectory(scene, 'second', second)]
  const before = await Checkpoint.persist(await localDirectory(scene, 'before', ['k0-100']), `${root}/step-0`, { filesystem: fs })
  await scene.slow(['PutObject', 'PutObject', 'PutObject', 'UploadPart', 'CompleteMultipartUpload', 'DeleteObject', 'ListObjectsV2'], 30)
  const target = `${root}/step-1`
  await scene.server.resetCounters()
  const child = start(scene, { mode: 'persist', path: target, directory: source })
  if (random.next() < 0.3) await scene.request(child, random.of(['PutObject', 'DeleteObject', 'GetObject']), 1 + random.below(4), 30)
  else await scene.moment(child, 3 + first.length, 80)
  await scene.kill(child)
  await scene.quiet()
  await scene.server.clearFaults()
  const latest = await scene.within('latestComplete()', Checkpoint.latestComplete(root, fs))
  const complete = latest?.path === target
  scene.check(complete || latest?.path === before.path, 'torn', `the newest complete checkpoint is ${String(latest?.path)}`)
  scene.check(complete || child.stage !== 'done', 'torn', 'a checkpoint is not complete though persist() had ended')
  if (complete) await readWhole(scene, target, first)
  else await readRefused(scene, target)
  const code = await scene.within('another persist()', Checkpoint.persist(other, target, { filesystem: fs }).then(() => undefined, (error: { code?: string }) => error.code ?? String(error)))
  scene.check(code === (complete ? 'EEXIST' : undefined), 'torn', `another persist() over ${complete ? 'a complete' : 'an unfinished'} checkpoint came to ${String(code)}`)
  const files = complete ? first : second
  await readWhole(scene, target, files)
  const found = (await scene.server.keys(bucket, `${prefix}/step-1/`)).map(key => key.slice(`${prefix}/step-1/`.length)).filter(name => name !== names.marker)
  scene.check([...found].sort().join() === [...files, names.manifest].sort().join(), 'torn', `the store holds ${found.join()}`)
}

async function readWhole (scene: Scene, path: string, files: readonly string[]): Promise<void> {
  await scene.within('a reader', new Checkpoint(path, scene.fs).asDirectory(async folder => {
    scene.check(holds(folder, files), 'torn', `${path} holds ${contentsOf(folder).names.join()}`)
  }))
}

async function readRefused (scene: Scene, path: string): Promise<void> {
  const code = await scene.within('a reader', new Checkpoint(path, scene.fs).asDirectory(async () => 'read').catch((error: unknown) => isFsError(error) ? error.code : String(error)))
  const empty = (await scene.server.keys(bucket, path.slice(bucket.length + 1))).length === 0
  scene.check(code === (empty ? 'ENOENT' : 'FORKFS_INCOMPLETE'), 'torn', `an unfinished checkpoint was answered with ${code}`)
}

async function stored (scene: Scene, files: readonly string[]): Promise<{ readonly path: string, readonly model: string }> {
  const path = `${bucket}/${scene.prefix}/step`
  await Checkpoint.persist(await localDirectory(scene, 'source', files), path, { filesystem: scene.fs })
  await scene.server.resetCounters()
  await scene.slow(['GetObject', 'GetObject', 'GetObject', 'HeadObject'], 60)
  return { path, model: `${path}/${files[0]!}` }
}

async function copiesIn (scene: Scene): Promise<string[]> {
  const all = await readdir(scene.tmp, { recursive: true, withFileTypes: true }).catch(() => [])
  return all.filter(entry => entry.isFile() && entry.parentPath.includes('/checkpoints/') && !entry.parentPath.includes('/.locks')).map(entry => entry.name)
}

/** One of two readers is killed: the other has the whole, downloaded at most once more, and the copy goes with it. */
async function readRound (scene: Scene): Promise<void> {
  const { random, fs } = scene
  const files = someFiles(random, 300_000)
  const { path, model } = await stored(scene, files)
  const checkpoint = new Checkpoint(path, fs)
  const early = random.next() < 0.3 ? await checkpoint.asDirectory() : undefined
  const child = start(scene, { mode: 'read', path, directory: '' })
  await scene.within('the start of the child', child.until(() => child.steps.length > 0))
  const pauseMs = random.below(60)
  const reading = delay(pauseMs).then(() => checkpoint.asDirectory())
  await scene.moment(child, 3 + files.length, 60, 'opened')
  const opened = child.said('opened').length > 0
  await scene.kill(child)
  const copy = await scene.within('the other reader', reading)
  scene.check(holds(copy.path, files), 'torn', `the other reader has ${contentsOf(copy.path).names.join()}`)
  await copy.release()
  if (early !== undefined) {
    scene.check(holds(early.path, files), 'torn', 'a live reader lost files')
    await early.release()
  }
  const gets = (await scene.server.counters()).gets[model] ?? 0
  const most = early !== undefined || opened ? 1 : 2
  scene.check(gets >= 1 && gets <= most, 'torn', `the model was downloaded ${gets} times, where ${most} is the most`)
  const left = await copiesIn(scene)
  scene.check(left.length === 0, 'leaked', `after the last reader there is ${left.join()}`)
}

/** A copy at a place of the user's is whole or absent; whoever copies next takes over, and nothing stays beside it. */
async function placeRound (scene: Scene): Promise<void> {
  const files = someFiles(scene.random, 300_000)
  const { path } = await stored(scene, files)
  const directory = join(scene.folder, 'places/here')
  const child = start(scene, { mode: 'place', path, directory })
  await scene.moment(child, 3 + files.length, 80)
  await scene.kill(child)
  if (existsSync(directory)) scene.check(holds(directory, files), 'torn', `the place holds ${contentsOf(directory).names.join()}`)
  await scene.within('another toDirectory()', new Checkpoint(path, scene.fs).toDirectory(directory))
  scene.check(holds(directory, files), 'torn', `the place holds ${contentsOf(directory).names.join()}`)
  const beside = await readdir(join(scene.folder, 'places'))
  scene.check(beside.join() === 'here', 'leaked', `beside the place there is ${beside.join()}`)
}

/** Metadata is the old or the new, in the store and on a disk. */
async function metadataRound (scene: Scene): Promise<void> {
  const local = scene.random.next() < 0.5
  const path = local ? await localDirectory(scene, 'described', ['k1-1000']) : `${bucket}/${scene.prefix}/described`
  if (!local) await scene.server.put(bucket, `${scene.prefix}/described/k1-1000`, contentOf('k1-1000'))
  const child = start(scene, { mode: 'metadata', path, directory: '', s3: local ? undefined : scene.options })
  await scene.moment(child, 30, 20)
  const told = child.said('described').length
  await scene.kill(child)
  await scene.quiet()
  const checkpoint = new Checkpoint(path, local ? filesystem('file') : scene.fs)
  const { n = 0, text = '', digest } = await scene.within('getMetadata()', checkpoint.getMetadata()) as { n?: number, text?: string, digest?: string }
  const whole = n === 0 || digest === createHash('sha256').update(`${n}${text}`).digest('hex')
  scene.check(whole, 'torn', `the metadata of update ${n} are not whole`)
  scene.check(n >= told, 'torn', `update ${told} had ended, the metadata are those of ${n}`)
  if (local) await ageUnfinished(path, localTemporaryPattern)
  await scene.within('another update', checkpoint.updateMetadata({ after: true }))
  scene.check((await checkpoint.getMetadata()).after === true, 'torn', 'another update is lost')
  if (!local) return
  const beside = await readdir(path)
  scene.check(beside.length === 3, 'leaked', `beside the metadata there is ${beside.join()}`)
}
