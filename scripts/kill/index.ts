/**
 * The kills: processes and threads of all four systems (streams, workers, checkpoints, shared arrays) are killed at work, at moments drawn from
 * a seed, and what is left is looked at. Exit code 0: nothing was torn, leaked or hung; 1: something was; 2: wrong arguments; 130: interrupted.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from '../command.js'
import { formatTable } from '../demo/table.js'
import { mixSeed } from '../soak/random.js'
import { runLanes } from './lanes.js'
import { killProcesses } from './leftovers.js'
import { parseOptions, usage } from './options.js'
import type { KillOptions } from './options.js'
import { Tally } from './tally.js'
import type { RoundOrder } from './types.js'

const tellEvery = 50

function say (text: string): void { process.stdout.write(`${text}\n`) }
function whisper (text: string): void { process.stderr.write(`${text}\n`) }

function orderOf (number: number, { seed, systems }: KillOptions): Omit<RoundOrder, 'folder'> {
  return { number, system: systems[(number - 1) % systems.length]!, seed: mixSeed(seed, number) }
}

/** Rounds until enough were killed: some end before their kill comes. */
function rounds (options: KillOptions, tally: Tally): () => Omit<RoundOrder, 'folder'> | undefined {
  const { only, kills } = options
  let [given, next] = [0, 1]
  return () => {
    if (only !== undefined) return given++ === 0 ? orderOf(only, options) : undefined
    const underWay = given - tally.rounds
    if (tally.kills + underWay >= kills || given >= 3 * kills + 10) return undefined
    given++
    return orderOf(next++, options)
  }
}

function repeat ({ seed, systems }: KillOptions, number: number): string { return `npm run kill -- --seed ${seed} --systems ${systems.join()} --only ${number}` }

/** On a disk, and where there is one in memory that looks like a disk. */
async function makeFolders (): Promise<string[]> {
  const folders = [await mkdtemp(join(tmpdir(), 'forkfs-kill-'))]
  if (process.platform === 'linux') await mkdtemp('/dev/shm/forkfs-kill-').then(folder => { folders.push(folder) }, () => {})
  return folders
}

async function run (options: KillOptions, signal: AbortSignal): Promise<Tally> {
  const folders = await makeFolders()
  const tally = new Tally(options.systems)
  const began = performance.now()
  try {
    await runLanes({
      folder: folders[0]!,
      folderOf: ({ system, seed }) => system === 'memmap' ? folders[seed % folders.length]! : folders[0]!,
      signal,
      count: options.only === undefined ? options.lanes : 1,
      next: rounds(options, tally),
      done (report) {
        tally.add(report)
        for (const { fault, text } of report.problems) whisper(`round ${report.number}, ${report.system}, ${report.story}: ${fault}: ${text}\n  repeat: ${repeat(options, report.number)}`)
        if (report.killed && tally.kills % tellEvery === 0) whisper(`${tally.kills} kills in ${Math.round((performance.now() - began) / 1000)} s, ${tally.problems} problems`)
      }
    })
  } finally {
    for (const folder of folders) {
      killProcesses(folder)
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
    }
  }
  return tally
}

async function kill (options: KillOptions): Promise<number> {
  const controller = new AbortController()
  const interrupt = (): void => { controller.abort() }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  say(`forkfs kill: ${options.only === undefined ? `${options.kills} kills` : `round ${options.only}`}, seed ${options.seed}, ${options.systems.join()}\n`)
  const tally = await run(options, controller.signal)
  say(formatTable(Tally.headings, tally.rows))
  if (controller.signal.aborted) return 130
  say(tally.problems === 0 ? '\nNothing was torn, leaked or hung' : `\n${tally.problems} problems (seed ${options.seed}): see above`)
  return tally.problems === 0 && (tally.kills > 0 || options.only !== undefined) ? 0 : 1
}

await runCommand({ what: 'The kills', usage, parse: parseOptions, run: kill })
