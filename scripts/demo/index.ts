/**
 * The demonstration: real shards on an S3 or GCS server, read through worker threads, through cluster children, and with a worker
 * killed in mid-read; every byte is checked. Exit code 0: all checks held; 1: one did not; 2: wrong arguments; 130: Ctrl-C.
 */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { OwnerTag } from '../../lib/index.js'
import type { LoaderStats } from '../../lib/loader/index.js'
import { runCommand } from '../command.js'
import { readInCluster } from './cluster.js'
import { Ledger } from './ledger.js'
import type { EpochCheck } from './ledger.js'
import { leftovers, requestsPerShard } from './leftovers.js'
import { parseOptions, usage } from './options.js'
import type { DemoOptions } from './options.js'
import { megabytes, ProgressLine } from './progress.js'
import { readEpoch } from './reading.js'
import type { Reading } from './reading.js'
import { collectSamples, planShards, shardSize, writeShards } from './shards.js'
import { openStore } from './stores.js'
import type { DemoStore } from './stores.js'
import { formatTable } from './table.js'
import { sendToThread } from './travel.js'

const bucket = 'demo'

interface Stage extends DemoStore {
  readonly options: DemoOptions
  readonly signal: AbortSignal
  readonly ledger: Ledger
}

/** What did not hold. */
const failures: string[] = []

function say (text = ''): void { process.stdout.write(`${text}\n`) }

function expect (holds: boolean, what: string): void {
  if (!holds) failures.push(what)
}

function expectComplete (check: EpochCheck, how: string): void {
  say(`  samples expected ${check.expected}, seen ${check.seen}, duplicates ${check.duplicates}, wrong bytes ${check.wrong}`)
  expect(check.complete, `${how}: ${check.seen} of ${check.expected} samples, ${check.duplicates} twice, ${check.wrong} wrong`)
}

function ownerText ({ pid, threadId, realm, epoch }: OwnerTag): string {
  return `${pid}/${threadId}/${realm.slice(0, 8)}/${epoch}`
}

function sayTable ({ rows, seconds }: Reading): void {
  say(formatTable(['worker', 'owner (pid/thread/realm/epoch)', 'shards', 'samples', 'MB/s', 'resets'], rows.map((row, at) => {
    const rate = (row.bytes / 1e6 / row.seconds).toFixed(1)
    return [at + 1, ownerText(row.owner), row.shards, row.samples, Number(rate), row.resets]
  })))
  say(`  ${megabytes(rows.reduce((sum, row) => sum + row.bytes, 0) / seconds)} MB/s in all`)
}

async function write ({ options, fs, signal, ledger }: Stage): Promise<string[]> {
  const nodeModules = join(dirname(createRequire(import.meta.url).resolve('undici/package.json')), '..')
  const samples = await collectSamples(nodeModules, shardSize(options.bytes) / 4)
  const plans = planShards(samples, options.bytes, `${bucket}/shards`)
  {
    using progress = new ProgressLine('writing', plans.reduce((sum, plan) => sum + plan.bytes, 0))
    await writeShards(fs, plans, ledger, bytes => { progress.advance(bytes) }, signal)
  }
  say(`  ${plans.length} tar shards of node_modules: ${ledger.samples} samples, ${megabytes(ledger.bytes)} MB, a hash kept of every file`)
  return plans.map(plan => plan.path)
}

async function travel ({ fs, env }: Stage, path: string): Promise<void> {
  const { client, agent, fs: live, bytes } = await sendToThread(fs, path, env)
  say(`  an ordinary client arrives as  ${client}  (an undici Agent as ${agent})`)
  say(`  the filesystem arrives as      ${live}, and reads`)
  expect(bytes > 0, 'the filesystem could not read in the thread')
}

async function inThreads ({ options, fs, signal, ledger }: Stage, paths: readonly string[]): Promise<void> {
  const check = ledger.check()
  using progress = new ProgressLine('reading', ledger.bytes)
  const reading = await readEpoch({ shards: { fs, paths }, kind: 'thread', workers: options.workers, rank: 'all', signal }, check, progress)
  progress.end()
  sayTable(reading)
  expectComplete(check, 'worker threads')
}

async function inCluster ({ options, fs, env, signal, ledger }: Stage, paths: readonly string[]): Promise<void> {
  const check = ledger.check()
  using progress = new ProgressLine('reading', ledger.bytes)
  const reading = await readInCluster({ fs, paths, children: options.workers, env, signal }, check, progress)
  progress.end()
  sayTable(reading)
  expectComplete(check, 'cluster children')
}

async function withDeath ({ options, server, fs, signal, ledger }: Stage, paths: readonly string[]): Promise<void> {
  await server.resetCounters()
  const check = ledger.check()
  using progress = new ProgressLine('reading', ledger.bytes)
  let killed: string | undefined
  // Workers that may read one shard ahead have not read everything when one of them is killed.
  const prefetchBytes = shardSize(options.bytes)
  const killOne = (stats: () => LoaderStats): void => {
    if (killed !== undefined || check.seen < check.expected / 3) return
    const victim = stats().perWorker.findLast(({ owner }) => owner.pid !== process.pid)
    if (victim === undefined) return
    killed = `process ${victim.owner.pid} killed (SIGKILL) after ${check.seen} samples of ${check.expected}`
    process.kill(victim.owner.pid, 'SIGKILL')
  }
  const loading = { shards: { fs, paths }, kind: 'process', workers: options.workers, rank: 'all', prefetchBytes, signal } as const
  const reading = await readEpoch(loading, check, progress, killOne)
  progress.end()
  say(`  ${killed ?? 'no worker was there to be killed'}`)
  sayTable(reading)
  expect(killed !== undefined && reading.restarts > 0, 'no worker died')
  expectComplete(check, 'with a worker killed')
  const { least, most } = requestsPerShard(await server.counters(), paths)
  say(`  requests per shard ${least} to ${most}`)
}

async function nothingLeft ({ server, fs }: Stage): Promise<void> {
  await fs.close()
  const { sockets, uploads } = await leftovers(server, bucket)
  say(`  sockets left ${sockets}, unfinished uploads left ${uploads}`)
  expect(sockets === 0, `${sockets} sockets left`)
  expect(uploads === 0, `${uploads} unfinished uploads left`)
}

async function tell (stage: Stage): Promise<void> {
  say('Shards are written')
  const paths = await write(stage)
  say('\nWhat workerData makes of it')
  await travel(stage, paths[0]!)
  say(`\nWorker threads read them (${stage.options.workers})`)
  await inThreads(stage, paths)
  say(`\nCluster children read them (${stage.options.workers})`)
  await inCluster(stage, paths)
  say(`\nWorker processes read them (${stage.options.workers}), and one is killed`)
  await withDeath(stage, paths)
  await nothingLeft(stage)
}

async function run (options: DemoOptions, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const store = await openStore(options.store, bucket)
  await using server = store.server
  await using fs = store.fs
  say(`forkfs: ${options.store} at ${server.endpoint}, process ${server.pid}\n`)
  await tell({ options, server, fs, env: store.env, signal, ledger: new Ledger() })
  say(`\n${failures.length === 0 ? 'All checks hold' : `Failed: ${failures.join('; ')}`}, ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

async function show (options: DemoOptions): Promise<number> {
  const stop = new AbortController()
  const interrupt = (): void => { stop.abort(new Error('interrupted')) }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, interrupt)
  try {
    await run(options, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    process.stderr.write('\nInterrupted\n')
    return 130
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, interrupt)
  }
  return failures.length === 0 ? 0 : 1
}

await runCommand({ what: 'The demonstration', usage, parse: parseOptions, run: show })
