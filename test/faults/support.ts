import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { plans, readSection } from './document.js'
import { runAll } from './run.js'
import { expectedOf, faultTable, readTable, requestTable } from './table.js'
import type { Result, StoreName } from './types.js'

function activeResources (): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Kinds of things that keep an event loop alive, and how many there are of each; a moment later, when mocha has set its own timer. */
export async function resourcesBefore (): Promise<Record<string, number>> {
  await new Promise(resolve => setImmediate(resolve))
  return activeResources()
}

/** What was there before, and nothing else: asked for until handles that are being closed are. */
export async function holdResources (before: Readonly<Record<string, number>>): Promise<void> {
  for (const end = performance.now() + 3000; performance.now() < end && !isDeepStrictEqual(activeResources(), before);) await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(activeResources(), before)
}

const told = ({ verb, request, fault, mode, outcome }: Result): string => `${verb.name}, ${request.label}, ${fault.name}, ${mode}: ${outcome}`

/** Run the table of one store and hold it to the document. FORKFS_TEST_FAULTS=all: every fault at every verb, as the document is made. */
export async function holdTable (store: StoreName): Promise<void> {
  const { open, verbs } = plans[store]
  const table = await runAll(open, verbs, process.env['FORKFS_TEST_FAULTS'] === 'all')
  const { results } = table
  assert.deepEqual(results.filter(({ violations }) => violations.length > 0).map(result => `${told(result)}: ${result.violations.join('; ')}`), [])
  const section = await readSection(store)
  assert.equal(requestTable(table), section.requests)
  const written = readTable(section.faults)
  assert.deepEqual([...written.keys()], [...readTable(faultTable(store, results)).keys()])
  const others = results.map(result => ({ result, expected: expectedOf(written, result) })).filter(({ result, expected }) => result.outcome !== expected)
  assert.deepEqual(others.map(({ result, expected }) => `${told(result)}, where the document says ${String(expected)}`), [])
}
