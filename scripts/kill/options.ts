/** The command line of the kills. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

export const systems = ['streams', 'workers', 'checkpoint', 'memmap'] as const
export type System = typeof systems[number]

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  readonly systems: readonly System[]
  readonly lanes: number
  /** This round and no other. */
  readonly only: number | undefined
}

export const usage = `Usage: npm run kill -- [--kills N] [--seed N] [--systems streams,workers,checkpoint,memmap] [--only K] [--lanes N]

  --kills N    how many processes and threads are killed at work, integer >= 1 (default 1000)
  --seed N     of jobs and moments, integer >= 0 (default: a random one, which is printed)
  --systems L  which ones are killed, in turn (default all four)
  --only K     round K of that seed and those systems alone, integer >= 1
  --lanes N    rounds at a time, integer >= 1 (default 2)`

/** @returns undefined where help was asked for. @throws TypeError or RangeError for what it does not take */
export function parseOptions (args: readonly string[]): KillOptions | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args: [...args], options: { kills: text, seed: text, systems: text, only: text, lanes: text, help: { type: 'boolean', short: 'h' } } })
  if (values.help === true) return undefined
  return {
    kills: integer('--kills', values.kills, 1) ?? 1000,
    seed: integer('--seed', values.seed, 0) ?? randomInt(2 ** 31),
    systems: values.systems === undefined ? systems : values.systems.split(',').map(toSystem),
    lanes: integer('--lanes', values.lanes, 1) ?? 2,
    only: integer('--only', values.only, 1)
  }
}

function toSystem (name: string): System {
  const system = systems.find(each => each === name)
  if (system === undefined) throw new RangeError(`Expected \`--systems\` to be a list of ${systems.join(', ')}, got \`${name}\``)
  return system
}

function integer (name: string, given: string | undefined, least: number): number | undefined {
  if (given === undefined) return undefined
  const value = Number(given)
  if (!/^[0-9]{1,10}$/.test(given) || value < least) throw new RangeError(`Expected \`${name}\` to be an integer >= ${least}, got \`${given}\``)
  return value
}
