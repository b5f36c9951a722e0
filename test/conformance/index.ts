/**
 * What every filesystem has to do, as tests for any runner. Published as `forkfs/conformance`.
 *
 *     import { conformance } from 'forkfs/conformance'
 *     conformance({ describe, it, after }, 'MyFileSystem', { create: async () => ({ fs: new MyFileSystem(), root: uniquePath() }) })
 */
import { harnessOf } from './harnesses/harness.js'
import { assertProven, Ledger, Suite } from './suite.js'
import { aborted } from './traits/aborted.js'
import { closed } from './traits/closed.js'
import { foreign } from './traits/foreign.js'
import { travel } from './traits/travel.js'
import { unsupported } from './traits/unsupported.js'
import type { ConformanceOptions, HarnessName, Runner } from './types.js'
import { cat } from './verbs/cat.js'
import { catFile } from './verbs/cat-file.js'
import { catRanges } from './verbs/cat-ranges.js'
import { copy } from './verbs/copy.js'
import { expandPath } from './verbs/expand-path.js'
import { find } from './verbs/find.js'
import { glob } from './verbs/glob.js'
import { info } from './verbs/info.js'
import { list } from './verbs/list.js'
import { mapper } from './verbs/mapper.js'
import { names } from './verbs/names.js'
import { openRead } from './verbs/open-read.js'
import { openWrite } from './verbs/open-write.js'
import { pipe } from './verbs/pipe.js'
import { progress } from './verbs/progress.js'
import { reference } from './verbs/reference.js'
import { remove } from './verbs/remove.js'
import { streams } from './verbs/streams.js'
import { transaction } from './verbs/transaction.js'
import { walk } from './verbs/walk.js'

export type { Capability, ConformanceOptions, HarnessName, Runner, Space } from './types.js'

const verbs = [
  info, list, walk, find, glob, expandPath, catFile, cat, catRanges, pipe, openRead, openWrite, streams, transaction, copy, remove, progress, names, mapper, reference
]
/** What holds for every verb; the directory makes no difference to it. */
const traits = [unsupported, closed, aborted, travel, foreign]
const titles: Readonly<Record<HarnessName, string>> = {
  direct: 'directly', prefix: 'in a deep directory', revived: 'rebuilt from its descriptor', worker: 'in a worker thread'
}

/**
 * Write down the cases of one filesystem. They are gated by its capabilities alone: what is declared has to work, what is
 * not has to refuse before any I/O. Each case makes an instance and a place of its own with `create`. Some call resetForFork().
 */
export function conformance (runner: Runner, name: string, options: ConformanceOptions): void {
  const { harnesses = ['direct', 'prefix', 'revived', 'worker'] } = options
  runner.describe(`${name} conforms`, () => {
    const ledger = new Ledger()
    for (const each of harnesses) {
      runner.describe(titles[each], () => {
        const suite = new Suite(runner, options, harnessOf(each, options, runner), ledger)
        for (const family of each === 'prefix' ? verbs : [...verbs, ...traits]) family(suite)
      })
    }
    runner.it('tries every capability that is declared', async () => { await Promise.resolve(assertProven(ledger)) })
  })
}
