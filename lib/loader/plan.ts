import { Random, shuffleInPlace } from './random.js'
import type { LoaderOptions } from './types.js'

export interface PlanOptions {
  /** @defaultValue the order given */
  readonly seed?: number | undefined
  /** @defaultValue 0 */
  readonly epoch?: number | undefined
  /** @defaultValue 0 */
  readonly rank?: number | undefined
  /** @defaultValue 1 */
  readonly worldSize?: number | undefined
  readonly even?: 'drop' | 'pad' | 'error' | undefined
}

/** One shard of this rank's share. Workers take them in this order, each the next one when it is free. */
export interface PlannedShard {
  /** Place in the plan: what states and samples refer to. */
  readonly ordinal: number
  /** Place in the list that was given. */
  readonly index: number
  readonly shard: string
}

const stream = 1

/**
 * This rank's shards in their order. All ranks shuffle the whole list alike and take every worldSize-th of it, so that each shard is
 * read once (with 'pad': those repeated, more often). Pure: the same list and options give the same plan anywhere.
 *
 * @throws RangeError for shards that do not divide with even 'error', and where a rank would be left with nothing by 'drop'
 */
export function planShards (shards: readonly string[], options: PlanOptions = {}): PlannedShard[] {
  const { seed, epoch = 0, rank = 0, worldSize = 1, even } = options
  const order = shards.map((_, index) => index)
  if (seed !== undefined) shuffleInPlace(order, Random.from(seed, epoch, stream))
  const total = evenTotal(order.length, worldSize, even)
  const plan: PlannedShard[] = []
  for (let at = rank; at < total; at += worldSize) {
    const index = order[at % order.length]!
    plan.push({ ordinal: plan.length, index, shard: shards[index]! })
  }
  return plan
}

function evenTotal (shards: number, worldSize: number, even: PlanOptions['even']): number {
  const rest = shards % worldSize
  if (even === undefined || rest === 0) return shards
  if (even === 'pad') return shards - rest + worldSize
  if (even === 'drop' && shards > rest) return shards - rest
  const remedy = 'give a number that divides, or set `even` to \'pad\' or leave it unset'
  throw new RangeError(`Expected the ${shards} shards to ${even === 'drop' ? 'be at least as many as' : 'divide among'} ${worldSize} ranks: ${remedy}`)
}

export interface ResolvedRank { readonly rank: number, readonly worldSize: number }

/** Set by torchrun, mpirun wrappers and the like; by srun. */
const rankVariables = [['RANK', 'WORLD_SIZE'], ['SLURM_PROCID', 'SLURM_NTASKS']] as const

/**
 * @param env normally process.env
 * @throws TypeError where a launcher's variables name several ranks and `rank` is not given, where 'env' finds none, and for one without the other
 * @throws RangeError for a rank outside 0..worldSize-1
 */
export function resolveRank (options: Pick<LoaderOptions, 'rank' | 'worldSize'>, env: Readonly<Record<string, string | undefined>>): ResolvedRank {
  const { rank, worldSize } = options
  if (typeof rank === 'number') {
    if (worldSize === undefined) throw new TypeError('Expected `worldSize` beside a `rank` that is a number')
    return checked(rank, worldSize)
  }
  if (worldSize !== undefined) throw new TypeError('Expected `rank` to be a number where `worldSize` is given; leave `worldSize` out for \'env\' and \'all\'')
  if (rank === 'all') return { rank: 0, worldSize: 1 }
  const found = rankVariables.find(names => names.every(name => isSet(env[name])))
  if (rank === 'env') {
    if (found === undefined) throw new TypeError('Expected RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS, to be set for rank \'env\'')
    return checked(integerOf(env, found[0]), integerOf(env, found[1]))
  }
  if (rank !== undefined) throw new TypeError(`Expected \`rank\` to be a number, 'env' or 'all', got \`${String(rank)}\` (${typeof rank})`)
  if (found !== undefined && env[found[1]]?.trim() !== '1') {
    throw new TypeError(`${found[0]} and ${found[1]} are set: say with \`rank\` whether to read this rank's share ('env') or all shards ('all')`)
  }
  return { rank: 0, worldSize: 1 }
}

function isSet (value: string | undefined): boolean {
  return value !== undefined && value.trim() !== ''
}

function integerOf (env: Readonly<Record<string, string | undefined>>, name: string): number {
  const text = env[name]!.trim()
  if (!/^[0-9]{1,9}$/.test(text)) throw new TypeError(`Expected the variable ${name} to be an integer >= 0, got \`${text}\``)
  return Number(text)
}

function checked (rank: number, worldSize: number): ResolvedRank {
  if (!Number.isSafeInteger(worldSize) || worldSize < 1) throw new RangeError(`Expected \`worldSize\` to be an integer >= 1, got \`${worldSize}\` (${typeof worldSize})`)
  if (!Number.isInteger(rank) || rank < 0 || rank >= worldSize) {
    throw new RangeError(`Expected \`rank\` to be an integer in 0..${worldSize - 1}, got \`${rank}\` (number)`)
  }
  return { rank, worldSize }
}
