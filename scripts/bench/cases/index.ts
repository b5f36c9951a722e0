import type { Case } from '../types.js'
import { bigGet } from './big-get.js'
import { importTime } from './import-time.js'
import { list } from './list.js'
import { loader } from './loader.js'
import { lookup } from './lookup.js'
import { ownerCheck } from './owner-check.js'
import { ranges } from './ranges.js'
import { smallGet, smallGetMinio } from './small-get.js'
import { stream } from './stream.js'
import { upload } from './upload.js'
import { workerFirstByte } from './worker-first-byte.js'

/** In the order of the page. */
export const cases: readonly Case[] = [
  lookup, ownerCheck, importTime, workerFirstByte, smallGet, smallGetMinio, ranges, bigGet, stream, list, upload, loader
]

export function findCase (name: string): Case {
  const found = cases.find(known => known.name === name)
  if (found === undefined) throw new RangeError(`Expected a case, got \`${name}\``)
  return found
}
