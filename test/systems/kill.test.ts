import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ageUnfinished, markedEnvironment, processesOf, remainingFiles, remainingProcesses } from '../../scripts/kill/leftovers.js'

const program = fileURLToPath(new URL('../../scripts/kill/index.js', import.meta.url))

interface Run { readonly child: ChildProcess, readonly ended: Promise<number | null>, output: string }

function start (folder: string, ...args: readonly string[]): Run {
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 150_000, killSignal: 'SIGKILL' })
  const run: Run = { child, output: '', ended: once(child, 'close').then(([code]) => code as number | null) }
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => { run.output += text })
  return run
}

async function inFolder (work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-kill-test-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

describe('the kills', function () {
  this.timeout(180_000)

  it('find nothing torn, leaked or hung in any of the four systems, tell their seed, and leave nothing', () => inFolder(async folder => {
    const run = start(folder, '--kills', '40', '--seed', '4')
    assert.equal(await run.ended, 0, run.output)
    assert.match(run.output, /seed 4\b/)
    for (const system of ['streams', 'workers', 'checkpoint', 'memmap']) assert.match(run.output, new RegExp(`^ *${system} +[1-9]\\d* +\\d+ +0 +0 +0$`, 'm'), run.output)
    assert.deepEqual(await readdir(folder), [])
  }))

  it('repeat one round of a seed alone', () => inFolder(async folder => {
    const run = start(folder, '--seed', '4', '--only', '2', '--systems', 'workers,memmap')
    assert.equal(await run.ended, 0, run.output)
    assert.match(run.output, /^ *workers +0 +0 /m)
    assert.match(run.output, /^ *memmap +1 +0 /m)
  }))

  for (const [moment, processes] of [['as they start', 1], ['in the midst of rounds', 7]] as const) {
    it(`leave no process and no file when they are interrupted ${moment}`, async function () {
      if (process.platform !== 'linux') this.skip() // nobody can count them
      await inFolder(async folder => {
        const run = start(folder, '--kills', '1000')
        while (processesOf(folder).length <= processes) await new Promise(resolve => { setTimeout(resolve, 5) }) // itself, lanes, their stores, their rounds
        run.child.kill('SIGINT')
        assert.equal(await run.ended, 130, run.output)
        assert.deepEqual([await remainingProcesses(folder, 5000), await readdir(folder)], [[], []])
      })
    })
  }

  it('end with 2 for options that they do not take', () => inFolder(async folder => {
    for (const args of [['--kills', '0'], ['--systems', 'streams,cats'], ['--minutes', '1']]) assert.equal(await start(folder, ...args).ended, 2)
  }))
})

describe('what is looked for after a kill', function () {
  this.timeout(20_000)

  it('are processes that were begun from those of the round, until they have ended', async function () {
    if (process.platform !== 'linux') this.skip()
    await inFolder(async folder => {
      const sleeper = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { env: { PATH: markedEnvironment(folder).PATH }, stdio: 'ignore' })
      try {
        await once(sleeper, 'spawn')
        assert.deepEqual([processesOf(folder), (await remainingProcesses(folder, 50)).length], [[sleeper.pid], 1])
      } finally {
        sleeper.kill('SIGKILL')
      }
      assert.deepEqual(await remainingProcesses(folder, 5000), [])
    })
  })

  it('are files with names, and those that are still open without one; keys of locks stay', () => inFolder(async folder => {
    await mkdir(join(folder, 'locks'))
    for (const name of ['locks/.key', 'locks/other', '.new-half']) await writeFile(join(folder, name), '')
    const held = await open(join(folder, 'segment'), 'w')
    await unlink(join(folder, 'segment'))
    const expected = ['.new-half', 'locks/other', ...(process.platform === 'linux' ? [`descriptor ${held.fd} of segment (deleted)`] : [])]
    assert.deepEqual((await remainingFiles(folder)).sort(), expected.sort())
    await held.close()
    assert.equal((await remainingFiles(folder)).length, 2)
    assert.deepEqual([await ageUnfinished(folder), await ageUnfinished(join(folder, 'locks'))], [true, false])
  }))
})
