/**
 * Write the tables of faults into docs/errors.md: every verb of S3, GCS and HTTP meets every fault at every request that it makes.
 * Takes some minutes on a quiet machine; on a busy one clocks run out that should not, and the tables say so. Exit code 1, and
 * nothing is written, when an end was neither right nor a typed error.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { documentPath, plans, sectionOf, withRegion } from '../test/faults/document.js'
import { runAll } from '../test/faults/run.js'
import type { StoreName } from '../test/faults/types.js'

const sections: string[] = []
let violations = 0
for (const [name, plan] of Object.entries(plans)) {
  const table = await runAll(plan.open, plan.verbs, true)
  for (const result of table.results) {
    if (result.violations.length === 0) continue
    violations++
    process.stderr.write(`${name}: ${result.verb.name}, ${result.request.operation}, ${result.fault.name}, ${result.mode}: ${result.violations.join('; ')}\n`)
  }
  process.stdout.write(`${plan.title}: ${table.results.length} runs\n`)
  sections.push(sectionOf(name as StoreName, table))
}
if (violations > 0) process.exitCode = 1
else {
  const path = await documentPath()
  await writeFile(path, withRegion(await readFile(path, 'utf8'), sections))
}
