/** The command line of the demonstration. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { storeNames } from './stores.js'
import type { StoreName } from './stores.js'

export interface DemoOptions {
  /** Bytes to write and to read, at least. */
  readonly bytes: number
  readonly store: StoreName
  readonly workers: number
}

export const usage = `Usage: npm run demo -- [--mb N] [--workers N] [--store s3|gcs]

  --mb N       megabytes (10^6 bytes) of real files to write and read, integer >= 1 (default 204)
  --workers N  worker threads, and cluster children, integer >= 2 (default 2 to 4, by processors)
  --store s3   the store: the S3 or the GCS server of this repository, started for it`

const defaultMegabytes = 204

/** @returns undefined where help was asked for. @throws TypeError or RangeError for what it does not take */
export function parseOptions (args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: { mb: { type: 'string' }, workers: { type: 'string' }, store: { type: 'string', default: 's3' }, help: { type: 'boolean', short: 'h' } }
  })
  if (values.help === true) return undefined
  const store = storeNames.find(name => name === values.store)
  if (store === undefined) throw new RangeError(`Expected \`--store\` to be ${storeNames.join(' or ')}, got \`${values.store}\``)
  return {
    bytes: integer('--mb', values.mb, 1, defaultMegabytes) * 1e6,
    store,
    workers: integer('--workers', values.workers, 2, Math.min(4, Math.max(2, availableParallelism())))
  }
}

function integer (name: string, given: string | undefined, least: number, otherwise: number): number {
  if (given === undefined) return otherwise
  const value = Number(given)
  if (!/^[0-9]{1,6}$/.test(given) || value < least) throw new RangeError(`Expected \`${name}\` to be an integer >= ${least}, got \`${given}\``)
  return value
}
