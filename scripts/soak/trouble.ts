/** Faults at random for a server, as long as the soak goes on. */
import { setTimeout as delay } from 'node:timers/promises'
import type { FaultAction, FaultRule, S3Server } from '../../test/servers/index.js'
import type { Random } from './random.js'

const objects = ['GetObject', 'HeadObject', 'PutObject', 'UploadPart', 'CompleteMultipartUpload', 'CreateMultipartUpload', 'AbortMultipartUpload', 'DeleteObject', 'CopyObject', 'ListObjectsV2']

/** What can befall every request. */
const anywhere: readonly FaultAction[] = [
  { type: 'reset' }, { type: 'cut' }, { type: 'reset', of: 'request', afterBytes: 500 }, { type: 'status', status: 500 }, { type: 'status', status: 503 },
  { type: 'status', status: 429, code: 'SlowDown', headers: { 'Retry-After': '1' } }, { type: 'stall', at: 'headers', ms: 2000 }, { type: 'delay', ms: 300 },
  { type: 'delay', ms: 200, applied: true }, { type: 'headerFlood' }, { type: 'noHttp' }, { type: 'interim', count: 2 }, { type: 'http10', length: true }
]
const reading: readonly FaultAction[] = [
  { type: 'reset', afterBytes: 900 }, { type: 'cut', afterBytes: 900 }, { type: 'stall', at: 'body', afterBytes: 900, ms: 2000 }, { type: 'wrongLength', by: 7 },
  { type: 'wrongContentRange' }, { type: 'noContentRange' }, { type: 'ignoreRange' }, { type: 'changeEtag' }, { type: 'chunked' }, { type: 'trickle', bytesPerTick: 5000, tickMs: 5 }
]
const documents: readonly FaultAction[] = [{ type: 'errorInside', code: 'InternalError' }, { type: 'garbage' }, { type: 'entities' }, { type: 'cut', afterBytes: 60 }, { type: 'chunked' }]

function randomRule (random: Random): FaultRule {
  const operation = random.of(objects)
  const special = operation === 'GetObject' ? reading : ['ListObjectsV2', 'CompleteMultipartUpload', 'CopyObject'].includes(operation) ? documents : anywhere
  if (random.next() < 0.03) return { action: { type: 'stall', at: 'connect', ms: 1500 } }
  return { match: { operation, nth: 1 + random.below(3) }, action: random.next() < 0.5 ? random.of(anywhere) : random.of(special), times: 1 }
}

/** Until `signal` ends it. @returns how many rules it made */
export async function makeTrouble (server: S3Server, random: Random, signal: AbortSignal): Promise<number> {
  let rules = 0
  while (!signal.aborted) {
    await server.addFault(randomRule(random))
    rules++
    await delay(20 + random.below(120), undefined, { signal }).catch(() => {})
  }
  await server.clearFaults()
  return rules
}
