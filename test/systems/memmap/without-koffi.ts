/**
 * For `--import`: hides the optional peer koffi from this process and from all that it starts, so that the same tests tell what comes
 * of shared arrays where it is not installed.
 */
import Module from 'node:module'

type Resolve = (request: string, ...rest: readonly unknown[]) => string
const loader = Module as unknown as { _resolveFilename: Resolve }
const resolve = loader._resolveFilename
const here = `--import=${import.meta.url}`
const { NODE_OPTIONS: options = '' } = process.env

loader._resolveFilename = function (this: unknown, request, ...rest) {
  if (request === 'koffi') throw Object.assign(new Error('koffi is hidden'), { code: 'MODULE_NOT_FOUND' })
  return resolve.call(this, request, ...rest)
}
// The flag that brought it here is relative to a folder in which not every child starts.
process.execArgv = process.execArgv.filter((value, index, all) => !value.startsWith('--import') && all[index - 1] !== '--import')
if (!options.includes(here)) process.env.NODE_OPTIONS = `${options} ${here}`.trim()
