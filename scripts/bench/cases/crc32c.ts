import { createRequire } from 'node:module'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { crc32c as ownSum } from '../../../lib/net/index.js'
import { meter } from '../meter.js'
import { forkfs, needsPackage } from '../subjects.js'
import type { Case, Stage } from '../types.js'
import { cpuPerOp, ratio } from './goals.js'

const native = '@node-rs/crc32'
const pieceBytes = 256 * 1024
const GiB = 1024 ** 3

type Sum = (data: Uint8Array, before: number) => number

function open (subject: string, { cache }: Stage): Sum {
  if (subject === 'forkfs') return ownSum
  if (subject === 'zlib') return crc32
  return (createRequire(join(cache, 'bench.js'))(native) as { readonly crc32c: Sum }).crc32c
}

export const crc32c: Case = {
  name: 'crc32c',
  title: 'CRC32C',
  how: () => `Pieces of ${pieceBytes / 1024} KiB from 64 MiB of memory, one after the other. For scale: the CRC-32 of Node's zlib, another polynomial.`,
  unit: 'MiB/s',
  op: 'GiB',
  baseline: 'native',
  subjects: [{ ...forkfs, label: 'forkfs, WebAssembly' }, { id: 'native', label: `${native}, the processor's instruction`, missing: needsPackage(native) }, { id: 'zlib', label: 'zlib.crc32' }],
  goals: [ratio('CRC32C: CPU against the processor\'s instruction in a native module', 'forkfs', 'native', cpuPerOp, '<= 1.5')],
  measure: async (subject, stage) => {
    const sum = open(subject, stage)
    const data = Uint8Array.from({ length: 64 * 1024 * 1024 }, (_, index) => index * 31 >>> 3)
    const run = (bytes: number): number => {
      let total = 0
      for (let done = 0; done < bytes; done += pieceBytes) total = sum(data.subarray(done % data.length, done % data.length + pieceBytes), total)
      return total
    }
    run(data.length)
    const bytes = stage.quick ? GiB / 4 : 2 * GiB
    const done = meter()
    run(bytes)
    return done({ ops: bytes / GiB, bytes })
  }
}
