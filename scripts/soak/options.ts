/** The command line of the soak. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

export interface SoakOptions { readonly seconds: number, readonly seed: number, readonly workers: number }

export const usage = `Usage: npm run soak -- [--seconds N] [--seed N] [--workers N]

  --seconds N  how long, integer >= 1 (default 600)
  --seed N     of faults, aborts, kills and contents, integer >= 0 (default: a random one, which is printed)
  --workers N  half of them threads, half processes, integer >= 2 (default 8)`

/** @returns undefined where help was asked for. @throws TypeError or RangeError for what it does not take */
export function parseOptions (args: readonly string[]): SoakOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: { type: 'string' }, seed: { type: 'string' }, workers: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  })
  if (values.help === true) return undefined
  return {
    seconds: integer('--seconds', values.seconds, 1, 600),
    seed: integer('--seed', values.seed, 0, randomInt(2 ** 31)),
    workers: integer('--workers', values.workers, 2, 8)
  }
}

function integer (name: string, given: string | undefined, least: number, otherwise: number): number {
  if (given === undefined) return otherwise
  const value = Number(given)
  if (!/^[0-9]{1,10}$/.test(given) || value < least) throw new RangeError(`Expected \`${name}\` to be an integer >= ${least}, got \`${given}\``)
  return value
}
