import { basename, dirname, join } from 'node:path'
import { randomHex } from '../owner/index.js'
import { pidPlace } from '../owner/liveness.js'

/**
 * Names of staged files: `.<name>.<pid>-<place>.<random>.forkfs-tmp`, in the directory of the file they become. A process that dies leaves
 * them. First group: the owner's pid; second: where that means something (see pidPlace()), left out where the system does not tell.
 */
export const localTemporaryPattern = /^\.[^/]*\.(\d+)(?:-([0-9a-f]{12}))?\.[0-9a-f]{16}\.forkfs-tmp$/

const maxNameBytes = 255

/** A new name beside `path`. Long names are cut: the result has to fit the file system's limit. */
export function localTemporaryPath (path: string): string {
  const place = pidPlace()
  const end = `.${process.pid}${place === undefined ? '' : `-${place}`}.${randomHex(8)}.forkfs-tmp`
  let base = basename(path)
  while (Buffer.byteLength(base) > maxNameBytes - end.length - 1) base = [...base].slice(0, -1).join('')
  return join(dirname(path), `.${base}${end}`)
}
