import assert from 'node:assert/strict'
import { cases } from '../../scripts/bench/cases/index.js'
import { perSecond, ratio } from '../../scripts/bench/cases/goals.js'
import { listPages, pattern, shard } from '../../scripts/bench/data.js'
import { parseOptions } from '../../scripts/bench/options.js'
import { outcomes } from '../../scripts/bench/report.js'
import type { CaseResult } from '../../scripts/bench/run.js'
import { startFixed } from '../../scripts/bench/servers/index.js'
import { RequestReader } from '../../scripts/bench/servers/request.js'
import { bigKey, bucket, quickSizes, shardKey, smallBytes } from '../../scripts/bench/sizes.js'
import type { Sample } from '../../scripts/bench/types.js'
import { filesystem } from '../../lib/index.js'
import { extract } from 'tar-stream'

const names = cases.map(({ name }) => name)

function sample (ops: number, wallMs: number): Sample { return { ops, bytes: 0, wallMs, cpuMs: wallMs, rssMiB: 1 } }

function resultOf (rounds: ReadonlyArray<ReadonlyArray<readonly [string, Sample]>>, target: string): CaseResult {
  const known = { ...cases[0]!, goals: [ratio('faster', 'a', 'b', perSecond, target)] }
  return { case: known, rounds: rounds.map(round => new Map(round)), missing: new Map(), failures: [], foreign: [] }
}

describe('the benchmark', () => {
  it('takes the median of ratios within rounds, not the ratio of medians', () => {
    const [outcome] = outcomes(resultOf([
      [['a', sample(20, 1)], ['b', sample(10, 1)]],
      [['a', sample(60, 1)], ['b', sample(10, 1)]],
      [['a', sample(90, 1)], ['b', sample(30, 1)]]
    ], '>= 3'))
    assert.deepEqual(outcome!.values, { median: 3, least: 2, most: 6 })
    assert.equal(outcome!.met, true)
  })

  it('leaves out a round in which one of the two failed', () => {
    const [outcome] = outcomes(resultOf([[['a', sample(20, 1)]], [['a', sample(20, 1)], ['b', sample(10, 1)]]], '>= 3'))
    assert.deepEqual(outcome!.values, { median: 2, least: 2, most: 2 })
    assert.equal(outcome!.met, false)
  })

  it('says nothing about a target when nothing was measured', () => {
    const [outcome] = outcomes(resultOf([[]], '>= 3'))
    assert.equal(outcome!.values, undefined)
    assert.equal(outcome!.met, undefined)
  })

  it('has a baseline and a measured subject for every case', () => {
    for (const { name, subjects, baseline } of cases) assert.ok(subjects.some(({ id }) => id === baseline), name)
    assert.equal(new Set(names).size, names.length)
  })

  it('writes the page only for a full run when not told otherwise', () => {
    assert.equal(parseOptions([], names).write, true)
    assert.equal(parseOptions(['--quick'], names).write, false)
    assert.equal(parseOptions(['--only', 'list'], names).write, false)
    assert.equal(parseOptions(['--quick', '--write'], names).write, true)
    assert.equal(parseOptions(['--no-write'], names).write, false)
  })

  it('refuses a case that does not exist and rounds below 1', () => {
    assert.throws(() => parseOptions(['--only', 'lost'], names), RangeError)
    assert.throws(() => parseOptions(['--rounds', '0'], names), RangeError)
  })

  it('makes shards that a tar reader takes', async () => {
    const sizes: number[] = []
    const reader = extract()
    reader.end(shard(pattern(), 3, 100_000))
    for await (const entry of reader) {
      sizes.push(entry.header.size!)
      entry.resume()
    }
    assert.deepEqual(sizes, Array.from({ length: 9 }, () => smallBytes))
  })

  it('makes pages that lead from the first to the last', () => {
    const pages = [...listPages(2500)]
    assert.deepEqual(pages.map(([token]) => token), ['page0', 'page1', 'page2'])
    assert.deepEqual(pages.map(([, page]) => page.split('<Key>').length - 1), [1000, 1000, 500])
    assert.deepEqual(pages.map(([, page]) => page.includes('<NextContinuationToken>')), [true, true, false])
  })
})

describe('the server of the benchmark', () => {
  it('finds requests however the bytes are cut, and drops their bodies', () => {
    const text = Buffer.from('PUT /b/k?partNumber=1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b/k HTTP/1.1\r\nRange: bytes=2-4\r\n\r\n')
    for (let size = 1; size <= text.length; size++) {
      const seen: string[] = []
      const reader = new RequestReader(({ method, path, range }) => { seen.push(`${method} ${path} ${range?.start}-${range?.end}`) }, () => {})
      for (let at = 0; at < text.length; at += size) reader.feed(text.subarray(at, at + size))
      assert.deepEqual(seen, ['PUT /b/k undefined-undefined', 'GET /b/k 2-5'], `pieces of ${size}`)
    }
  })

  it('serves ranges across its pattern, lists every key and takes uploads', async () => {
    const server = await startFixed({ ...quickSizes, keys: 1500 })
    const fs = filesystem('s3', { endpoint: server.endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, fresh: true })
    try {
      const bytes = pattern()
      const across = await fs.catFile(`${bucket}/${bigKey}`, { start: bytes.length - 3, end: bytes.length + 3 })
      assert.deepEqual(Buffer.from(across), Buffer.concat([bytes.subarray(-3), bytes.subarray(0, 3)]))
      assert.equal((await fs.find(bucket)).length, 1500)
      assert.equal((await fs.catFile(`${bucket}/${shardKey(0)}`)).length, shard(bytes, 0, quickSizes.shardBytes).length)
      await fs.pipeFile(`${bucket}/up`, new Uint8Array(20 * 1024 * 1024))
    } finally {
      await fs.close()
      await server.close()
    }
  })
})
