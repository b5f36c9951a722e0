/**
 * forkfs beside its peers, in one run. Exit code 0: it ran; whether targets are met is in the output. 1: something failed; 2: wrong
 * arguments; 130: Ctrl-C. No target is a test: machines differ, ratios of one run mean something, a stopwatch in a test does not.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { binaryFolder, startMinio } from '../servers.js'
import type { RealServer } from '../servers.js'
import { smallGetter } from './cases/small-get.js'
import { cases, findCase } from './cases/index.js'
import { dataFolder, pattern, smallBody, writeData } from './data.js'
import { loadText, machineText } from './machine.js'
import { parseOptions, usage } from './options.js'
import type { BenchOptions } from './options.js'
import { findPython, installPeers, peerVersions, pythonPackages } from './peers.js'
import { cacheFolder, libraryUrl, root } from './places.js'
import { caseNames, caseSection, caseTable, caution, targetTable } from './report.js'
import { runRounds } from './run.js'
import type { CaseResult } from './run.js'
import { startFixed, startNginx } from './servers/index.js'
import { bucket, fullSizes, latencyMs, quickSizes, smallBytes, smallKey } from './sizes.js'
import { openForkfs } from './subjects.js'
import type { Stage } from './types.js'

function say (text = ''): void { process.stdout.write(`${text}\n`) }

/** What was done, for the page. */
interface Facts {
  readonly date: string
  readonly machine: string
  readonly node: string
  readonly peers: string
  readonly server: string
  /** Load averages before the run. */
  readonly load: string
  readonly rounds: number
  readonly library: string
}

/** Run in reverse order when the work has ended, however it did. */
type Cleanup = Array<() => Promise<void>>

/** MinIO where it is built already: building it takes minutes, and that is `npm run servers`. */
async function startStore (): Promise<RealServer | undefined> {
  if (!existsSync(join(binaryFolder(), 'minio'))) return undefined
  const store = await startMinio()
  try {
    const { clearInstanceCache } = await import('../../lib/index.js')
    const fs = await openForkfs(store.endpoint, store)
    await fs.mkdir(bucket)
    const bytes = pattern()
    for (let index = 0; index < 200; index++) await fs.pipeFile(`${bucket}/${smallKey(index)}`, smallBody(bytes, index))
    const get = await smallGetter('forkfs', store.endpoint, cacheFolder(), store)
    if (await get(smallKey(7)) !== smallBytes) throw new Error('Expected MinIO to give back what was written')
    await fs.close()
    await clearInstanceCache()
  } catch (error) {
    await store.close()
    throw error
  }
  return store
}

async function measure (options: BenchOptions, signal: AbortSignal): Promise<void> {
  const cleanup: Cleanup = []
  try {
    await measureWith(options, signal, cleanup)
  } finally {
    for (const step of cleanup.reverse()) await step().catch((error: unknown) => { say(`cleaning up failed: ${String(error)}`) })
  }
}

async function measureWith (options: BenchOptions, signal: AbortSignal, cleanup: Cleanup): Promise<void> {
  const sizes = options.quick ? quickSizes : fullSizes
  const chosen = options.only?.map(findCase) ?? cases
  const python = await findPython()
  const load = loadText()
  const folder = await dataFolder(sizes)
  cleanup.push(() => rm(folder, { recursive: true, force: true }))
  say(`writing what is served into ${folder}`)
  writeData(folder, sizes)
  const nginx = await startNginx(folder)
  const fixed = await startFixed(sizes)
  cleanup.push(() => fixed.close())
  if (nginx !== undefined) cleanup.push(() => nginx.close())
  const slow = await startFixed(sizes, latencyMs)
  cleanup.push(() => slow.close())
  const store = chosen.some(({ name }) => name === 'small-get-minio') ? await startStore() : undefined
  if (store !== undefined) cleanup.push(() => store.close())
  const stage: Stage = {
    quick: options.quick, sizes, cache: cacheFolder(), python, pythonPackages: await pythonPackages(python),
    endpoint: (nginx ?? fixed).endpoint, slowEndpoint: slow.endpoint, sinkEndpoint: fixed.endpoint, gcsEndpoint: fixed.endpoint,
    minio: store === undefined ? undefined : { endpoint: store.endpoint, accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey }
  }
  const serverPids = [fixed, slow, ...(nginx === undefined ? [] : [nginx])].map(({ pid }) => pid)
  const facts: Facts = {
    date: new Date().toISOString().slice(0, 10), machine: machineText(), node: process.version, peers: await peerVersions(python),
    server: nginx === undefined ? 'a server of this repository on bare sockets (no nginx was there)' : 'nginx, one process, without TLS', load, rounds: options.rounds,
    library: libraryUrl('index').includes('/package/') ? 'as published (bundled files)' : 'module by module (not bundled)'
  }
  say(`${facts.machine} · Node ${facts.node} · load ${facts.load}\n${facts.peers}\nserver: ${facts.server}; forkfs ${facts.library}\n`)
  const results = await runRounds(chosen, { rounds: options.rounds, stage, serverPids, signal, profile: options.profile, say })
  for (const result of results) say(`\n${result.case.title}\n${caseTable(result)}${result.failures.map(text => `\n${text}`).join('')}`)
  say(`\n${targetTable(results)}\n${caution(results)}`)
  if (options.write) await writePage(results, stage, facts)
  if (results.some(({ failures }) => failures.length > 0)) process.exitCode = 1
}

async function writePage (results: readonly CaseResult[], { sizes }: Stage, facts: Facts): Promise<void> {
  const template = await readFile(join(root, 'scripts/bench/performance.template.md'), 'utf8')
  const values: Readonly<Record<string, string>> = {
    ...Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, String(fact)])),
    caution: caution(results),
    targets: targetTable(results),
    latencyMs: String(latencyMs),
    cases: results.map(result => caseSection(result, sizes)).join('\n\n')
  }
  const page = template.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => values[name] ?? whole)
  const path = join(root, 'docs/performance.md')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, page)
  say('\ndocs/performance.md is written')
}

async function main (): Promise<void> {
  let options: BenchOptions
  try {
    options = parseOptions(process.argv.slice(2), caseNames(cases))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`)
    process.exitCode = 2
    return
  }
  if (options.help) { say(`${usage}\n\nCases: ${caseNames(cases).join(', ')}`); return }
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => { interrupt.abort(new Error('interrupted')) })
  try {
    if (options.install) await installPeers(say)
    await measure(options, interrupt.signal)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    process.exitCode = interrupt.signal.aborted ? 130 : 1
  }
}

await main()
