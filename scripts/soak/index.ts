/**
 * The soak: worker threads and processes read and write through one filesystem that travelled to them, on an S3 server that fails at
 * random, with calls aborted and workers killed at random. Every byte is checked. Exit code 0: nothing was wrong and nothing is left;
 * 1: something was; 2: wrong arguments.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { filesystem } from '../../lib/index.js'
import { spawnS3Server } from '../../test/servers/index.js'
import type { S3Server } from '../../test/servers/index.js'
import { runCommand } from '../command.js'
import { formatTable } from '../demo/table.js'
import { manPlace, newTotals } from './crew.js'
import type { Totals } from './crew.js'
import { MemoryCurve } from './memory.js'
import { parseOptions, usage } from './options.js'
import type { SoakOptions } from './options.js'
import { contentOf, mixSeed, nameOf, Random } from './random.js'
import { makeTrouble } from './trouble.js'

const bucket = 'soak'
const MiB = 1024 * 1024
/** Growth that is no warming up any more: judged where the soak is long enough to tell. */
const flat = { seconds: 120, bytesPerMinute: 8 * MiB }
const settleMs = 20_000

function say (text = ''): void { process.stdout.write(`${text}\n`) }

/** Objects that everybody reads, put past HTTP. */
async function seedShared (server: S3Server): Promise<string[]> {
  const names = [1, 2, 3, 4, 5, 6, 7, 8].map(id => nameOf(id, id * id * 30_000))
  for (const name of names) await server.put(bucket, `shared/${name}`, contentOf(name))
  return names.map(name => `${bucket}/shared/${name}`)
}

async function sampleMemory (curve: MemoryCurve, totals: Totals, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  while (!signal.aborted) {
    const children = [...totals.rss.values()].reduce((sum, rss) => sum + rss, 0)
    curve.add(performance.now() - began, process.memoryUsage.rss() + children)
    await delay(500, undefined, { signal }).catch(() => {})
  }
}

/** What is left on the server when everybody has gone; nothing should be. */
async function inspect (server: S3Server, wrong: string[]): Promise<{ sockets: number, uploads: number, empty: number }> {
  let counters = await server.counters()
  for (const end = performance.now() + settleMs; counters.sockets.open + counters.inFlight.now > 0 && performance.now() < end; counters = await server.counters()) await delay(20)
  const sockets = counters.sockets.open
  if (sockets > 0) wrong.push(`${sockets} sockets left`)
  const open = await server.uploads(bucket)
  const filled = open.filter(({ parts }) => Object.keys(parts).length > 0)
  for (const { key, uploadId } of filled) wrong.push(`an upload of ${key} left (${uploadId})`)
  for (const key of await server.keys(bucket)) {
    const data = await server.get(bucket, key)
    if (data === undefined || Buffer.compare(data, contentOf(key)) !== 0) wrong.push(`${key} holds other bytes than were written`)
  }
  return { sockets, uploads: filled.length, empty: open.length - filled.length }
}

function report (totals: Totals, curve: MemoryCurve, facts: ReadonlyArray<readonly [string, string | number]>): void {
  const { done, codes } = totals
  say(formatTable(['done', 'times'], Object.entries(done).sort()))
  say()
  say(formatTable(['error', 'times'], Object.entries(codes).sort()))
  say()
  say(formatTable(['', ''], [
    ['megabytes checked', (totals.bytes / 1e6).toFixed(0)], ['calls aborted', totals.aborted], ['workers killed', totals.kills], ['uploads that they left', totals.orphans], ...facts,
    ['memory, last and most (MiB)', `${(curve.last / MiB).toFixed(0)} and ${(curve.most / MiB).toFixed(0)}`], ['memory, slope (MiB per minute)', (curve.slope / MiB).toFixed(1)]
  ]))
}

async function soak ({ seconds, seed, workers }: SoakOptions): Promise<readonly string[]> {
  const totals = newTotals()
  const curve = new MemoryCurve()
  await using server = await spawnS3Server({ buckets: [bucket] })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const clocks = { timeoutMs: 6000, idleTimeoutMs: 1500, retry: { attempts: 5, baseMs: 10, maxMs: 300 } }
  await using fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, fresh: true, ...clocks })
  const shared = await seedShared(server)
  const stop = new AbortController()
  const timer = setTimeout(() => { stop.abort() }, seconds * 1000)
  const places = Array.from({ length: workers }, (_, place) => manPlace(place, { fs, server, bucket, shared, seed, signal: stop.signal, totals }))
  const [rules] = await Promise.all([makeTrouble(server, new Random(mixSeed(seed, 1)), stop.signal), sampleMemory(curve, totals, stop.signal), ...places])
  clearTimeout(timer)
  await fs.close()
  const { faults, requests } = await server.counters()
  const { sockets, uploads, empty } = await inspect(server, totals.wrong)
  if (seconds >= flat.seconds && curve.slope > flat.bytesPerMinute) totals.wrong.push(`memory grows by ${(curve.slope / MiB).toFixed(1)} MiB per minute`)
  if (Object.keys(totals.done).length === 0) totals.wrong.push('nothing was done')
  report(totals, curve, [
    ['requests', requests], ['faults that came, of those prepared', `${faults} of ${rules}`], ['sockets left', sockets], ['uploads left', uploads],
    ['uploads without parts, of lost answers', empty]
  ])
  return totals.wrong
}

async function tell (options: SoakOptions): Promise<number> {
  say(`forkfs soak: ${options.seconds} s, ${options.workers} workers, seed ${options.seed}\n`)
  const wrong = await soak(options)
  say(wrong.length === 0 ? '\nNothing was wrong and nothing is left' : `\nWrong (seed ${options.seed}):\n  ${wrong.slice(0, 30).join('\n  ')}`)
  return wrong.length === 0 ? 0 : 1
}

await runCommand({ what: 'The soak', usage, parse: parseOptions, run: tell })
