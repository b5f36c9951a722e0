/** A process that does one round after another: its parent tells it which, and ends it when it hangs. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { resetForFork, shutdown } from '../../lib/index.js'
import { sweepOnceDirectories } from '../../lib/locks/index.js'
import { forkfsPath } from '../../lib/owner/private-directory.js'
import { sweep } from '../../lib/resources/index.js'
import { spawnS3Server } from '../../test/servers/index.js'
import type { S3Server } from '../../test/servers/index.js'
import { Random } from '../soak/random.js'
import { ageUnfinished, killProcesses, remainingFiles, remainingProcesses } from './leftovers.js'
import type { System } from './options.js'
import { checkpointRound } from './rounds/checkpoint.js'
import { memmapRound } from './rounds/memmap.js'
import { streamsRound } from './rounds/streams.js'
import { workersRound } from './rounds/workers.js'
import { bucket, Over, Scene } from './scene.js'
import type { RoundOrder, RoundReport } from './types.js'

const rounds: Readonly<Record<System, (scene: Scene) => Promise<void>>> = { streams: streamsRound, workers: workersRound, checkpoint: checkpointRound, memmap: memmapRound }
/** Orphans end at their next turn of the loop, trackers when they have deleted what was left. */
const orphansMs = 10_000

async function sweepAll (tmp: string): Promise<void> {
  await sweep({ patienceMs: 5000 })
  await sweepOnceDirectories(join(forkfsPath(tmp), 'checkpoints'))
}

/** Everything is to be gone: processes by themselves, files by what the next owner swept, and what names no owner when it is old. */
async function checkLeftovers (scene: Scene): Promise<void> {
  for (const command of await remainingProcesses(scene.folder, orphansMs)) scene.wrong('leaked', `process ${command}`)
  await scene.within('the sweep', sweepAll(scene.tmp))
  if (await ageUnfinished(scene.tmp)) await scene.within('a later sweep', sweepAll(scene.tmp))
  await scene.within('shutdown()', shutdown())
  for (const file of await remainingFiles(scene.tmp)) scene.wrong('leaked', file)
}

async function perform ({ number, system, seed, folder }: RoundOrder, server: S3Server): Promise<RoundReport> {
  const tmp = join(folder, 'tmp')
  await mkdir(tmp, { recursive: true })
  process.env.FORKFS_TMPDIR = tmp
  await server.resetCounters()
  const scene = new Scene({ number, random: new Random(seed), folder, tmp, server })
  try {
    await rounds[system](scene)
    await checkLeftovers(scene)
  } catch (error) {
    if (!(error instanceof Over)) scene.wrong('torn', error instanceof Error ? error.stack ?? error.message : String(error))
  } finally {
    await scene.end()
    killProcesses(folder)
    resetForFork() // the next round begins as a process does
    await server.clearFaults()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  return { number, system, story: scene.story, killed: scene.killed, problems: scene.problems }
}

process.on('disconnect', () => { process.exit() })
const server = await spawnS3Server({ buckets: [bucket], opaqueEtags: true })
process.on('message', (order: RoundOrder) => {
  void perform(order, server).then(report => { process.send!(report) })
})
process.send!('ready')
