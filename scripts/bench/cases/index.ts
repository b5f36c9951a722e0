import type { Case } from '../types.js'
import { bigGet } from './big-get.js'
import { calls } from './calls.js'
import { checkpoint } from './checkpoint.js'
import { crc32c } from './crc32c.js'
import { gcsFirst } from './gcs-first.js'
import { gcsBigGet, gcsStream, gcsUpload } from './gcs-large.js'
import { gcsList } from './gcs-list.js'
import { gcsRanges } from './gcs-ranges.js'
import { gcsGet, gcsInfo, gcsInsert } from './gcs-small.js'
import { importTime } from './import-time.js'
import { list } from './list.js'
import { loader } from './loader.js'
import { lookup } from './lookup.js'
import { ownerCheck } from './owner-check.js'
import { ranges } from './ranges.js'
import { sharingOneWay, sharingToTwo } from './sharing.js'
import { smallGet, smallGetMinio } from './small-get.js'
import { stream } from './stream.js'
import { upload } from './upload.js'
import { workerFirstByte } from './worker-first-byte.js'

/** In the order of the page. */
export const cases: readonly Case[] = [
  lookup, ownerCheck, importTime, workerFirstByte, smallGet, smallGetMinio, ranges, bigGet, stream, list, upload,
  gcsFirst, gcsGet, gcsInfo, gcsInsert, gcsRanges, gcsBigGet, gcsStream, gcsUpload, gcsList, crc32c, loader, checkpoint,
  calls, sharingOneWay, sharingToTwo
]

export function findCase (name: string): Case {
  const found = cases.find(known => known.name === name)
  if (found === undefined) throw new RangeError(`Expected a case, got \`${name}\``)
  return found
}
