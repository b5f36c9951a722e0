/** The command line of the benchmark. */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface BenchOptions {
  readonly rounds: number
  readonly quick: boolean
  /** Names of cases; undefined: all. */
  readonly only: readonly string[] | undefined
  /** Write docs/performance.md. */
  readonly write: boolean
  /** Fetch the peers that are not in the repository first. */
  readonly install: boolean
  /** Folder for V8 profiles of every measuring process; what is measured then is slower. */
  readonly profile: string | undefined
  readonly help: boolean
}

export const usage = `Usage: npm run bench -- [--rounds N] [--quick] [--only NAME[,NAME]] [--write | --no-write] [--install]
                      [--profile FOLDER]

  --rounds N    interleaved rounds, integer >= 1 (default 5; 2 with --quick)
  --quick       small sizes: shows that everything runs, its numbers are no result
  --only NAMES  some of the cases, separated by commas
  --write       write docs/performance.md (default for a full run of all cases)
  --no-write    print the tables only (default with --quick and --only)
  --install     fetch peers that are no dependency of the repository into $XDG_CACHE_HOME/forkfs-bench first
  --profile F   let every measuring process write a V8 CPU profile into the folder F; nothing is written to docs/`

/** @throws TypeError or RangeError for what it does not take */
export function parseOptions (args: readonly string[], cases: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      write: { type: 'boolean' },
      install: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const only = values.only?.split(',').map(name => name.trim()).filter(name => name !== '')
  for (const name of only ?? []) {
    if (!cases.includes(name)) throw new RangeError(`Expected \`--only\` to name cases (${cases.join(', ')}), got \`${name}\``)
  }
  return {
    rounds: rounds(values.rounds, values.quick ? 2 : 5),
    quick: values.quick,
    only,
    write: values.profile === undefined && (values.write ?? (!values.quick && only === undefined)),
    install: values.install,
    profile: values.profile === undefined ? undefined : resolve(values.profile),
    help: values.help
  }
}

function rounds (given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise
  if (!/^[1-9][0-9]{0,2}$/.test(given)) throw new RangeError(`Expected \`--rounds\` to be an integer >= 1, got \`${given}\``)
  return Number(given)
}
