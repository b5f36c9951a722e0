import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../scripts/demo/index.js', import.meta.url))
const millisecondsMost = 60_000

interface Run { readonly code: number | null, readonly lines: readonly string[], readonly errors: string }

type OnOutput = (output: string, kill: (signal: NodeJS.Signals) => void) => void

/** Run the demonstration with a temporary folder and a mark of its own, by which what it leaves is found. */
async function demo (folder: string, args: readonly string[], onOutput: OnOutput = () => {}): Promise<Run> {
  const env = { ...process.env, TMPDIR: folder, FORKFS_TMPDIR: folder }
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: millisecondsMost, killSignal: 'SIGKILL' })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput(output, signal => { child.kill(signal) })
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const [code] = await once(child, 'close') as [number | null]
  return { code, lines: output.split('\n'), errors }
}

/** Processes whose environment names the folder. Empty where there is no /proc. */
async function processesOf (folder: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (environment.includes(`FORKFS_TMPDIR=${folder}`)) found.push(pid)
  }
  return found
}

describe('the demonstration', function () {
  this.timeout(2 * millisecondsMost)
  let folder = ''
  beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'forkfs-demo-test-')) })
  afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

  async function assertNothingLeft (): Promise<void> {
    assert.deepEqual(await processesOf(folder), [])
    assert.deepEqual(await readdir(folder), [])
  }

  for (const store of ['s3', 'gcs']) {
    it(`reads everything thrice from ${store}, once with a worker killed, and leaves nothing`, async () => {
      const { code, lines, errors } = await demo(folder, ['--mb', '8', '--store', store])
      assert.equal(errors, '')
      const epochs = lines.map(line => /samples expected (\d+), seen (\d+), duplicates (\d+), wrong bytes (\d+)/.exec(line)).filter(match => match !== null)
      assert.equal(epochs.length, 3)
      for (const [, expected, seen, duplicates, wrong] of epochs) {
        assert.ok(Number(expected) > 0)
        assert.deepEqual([seen, duplicates, wrong], [expected, '0', '0'])
      }
      assert.equal(lines.filter(line => line.includes('(SIGKILL)')).length, 1)
      assert.ok(lines.includes('  sockets left 0, unfinished uploads left 0'))
      assert.equal(code, 0)
      await assertNothingLeft()
    })
  }

  it('ends with 130 and leaves nothing when it is interrupted', async () => {
    let interrupted = false
    const { code } = await demo(folder, ['--mb', '30'], (output, kill) => {
      if (interrupted || !output.includes('Cluster children')) return
      interrupted = true
      kill('SIGINT')
    })
    assert.equal(code, 130)
    await assertNothingLeft()
  })

  it('ends with 2 for an option that it does not take', async () => {
    assert.equal((await demo(folder, ['--mb', 'many'])).code, 2)
    assert.equal((await demo(folder, ['--store', 'ftp'])).code, 2)
  })
})
