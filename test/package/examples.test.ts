import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { repository } from '../patterns.js'
import { spawnGcsServer } from '../servers/index.js'
import type { GcsServer } from '../servers/index.js'
import { raw } from '../unit/servers/support.js'

const millisecondsMost = 30_000

interface Ended { readonly code: number | null, readonly lines: readonly string[], readonly errors: string }

function start (name: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): { readonly child: ChildProcess, readonly ended: Promise<Ended> } {
  const program = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, timeout: millisecondsMost, killSignal: 'SIGKILL' })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, lines: output.split('\n').filter(line => line !== ''), errors }))
  return { child, ended }
}

/** The lines that it prints when all goes well. */
async function linesOf (name: string, args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { code, lines, errors } = await start(name, args, env).ended
  assert.equal(errors, '')
  assert.equal(code, 0)
  return lines
}

describe('an example', function () {
  this.timeout(2 * millisecondsMost)

  it('reads and writes in memory, on S3 and on GCS alike', async () => {
    const lines = await linesOf('read-and-write')
    const of = (protocol: string): string[] => lines.filter(line => line.startsWith(`${protocol} `)).map(line => line.slice(protocol.length + 1))
    for (const [protocol, folder] of [['memory', 'examples'], ['s3', 'data/examples'], ['gs', 'data/examples']] as const) {
      assert.deepEqual(of(protocol), [
        'read hello, world', 'end world', 'not written: changed my mind', 'line {"id":0}', 'line {"id":1}', 'line {"id":2}',
        `tree ${folder}/greeting.txt ${folder}/logs/today.jsonl`, 'texts 2', 'left false'
      ])
    }
  })

  it('hands a filesystem to the tasks of a pool', async () => {
    assert.deepEqual(await linesOf('worker-pool'), [
      ...[1, 2, 3, 4].map(n => `books/${n}.txt ${n * 1000} words`), 'threads 2 and none of them this one: true'
    ])
  })

  it('calls functions in workers, which fail, are late, are aborted and die, and goes on', async () => {
    assert.deepEqual(await linesOf('workers'), [
      'thread 100', 'process 100', 'in-process 100', 'pool [ 100, 200, 300 ]', 'thrown RangeError: no such shard', 'too late: spin',
      'deadline FORKFS_WORKER_TIMEOUT', 'abort TimeoutError: The operation was aborted due to timeout', 'death FORKFS_WORKER_DIED', 'and on 300'
    ])
  })

  it('resets at the start of a worker and later, and reads on', async () => {
    assert.deepEqual(await linesOf('reset-at-worker-init'), [
      'at the start dropped 0 instances, 0 clients', 'read hello', 'later dropped 1 instances, 1 clients',
      'read again hello in epoch 3', 'the open file: FORKFS_RESET'
    ])
  })

  it('adds a filesystem in less than sixty lines', async () => {
    const source = await readFile(join(repository, 'examples', 'custom-filesystem.ts'), 'utf8')
    assert.ok(source.trimEnd().split('\n').length < 60)
  })

  it('adds a filesystem that travels to a worker', async () => {
    assert.deepEqual(await linesOf('custom-filesystem'), ['files debug service/name service/port', 'in the worker shop [ \'service/port\' ]'])
  })

  it('serves objects from cluster children by the rules of HTTP, and goes on when they are replaced', async () => {
    const { child, ended } = start('cluster-server')
    try {
      const announced = createInterface(child.stdout!)[Symbol.asyncIterator]()
      const next = async (): Promise<string> => /http:\S+/.exec(String((await announced.next()).value))![0]
      const [origin] = [await next(), await next()]
      const whole = await raw(origin, '/hello.txt')
      const etag = whole.headers.etag!
      assert.equal(whole.body.toString(), 'hello from the store')
      const cases = [
        [{ range: 'bytes=0-4' }, 206, 'hello', 'bytes 0-4/20'],
        [{ range: 'bytes=-5' }, 206, 'store', 'bytes 15-19/20'],
        [{ range: 'bytes=15-' }, 206, 'store', 'bytes 15-19/20'],
        [{ range: 'bytes=15-99' }, 206, 'store', 'bytes 15-19/20'],
        [{ range: 'bytes=20-' }, 416, '', 'bytes */20'],
        [{ range: 'bytes=-0' }, 416, '', 'bytes */20'],
        [{ range: 'bytes=5-0' }, 200, 'hello from the store', undefined],
        [{ range: 'bytes=-' }, 200, 'hello from the store', undefined],
        [{ range: 'bytes=0-4', 'if-range': etag }, 206, 'hello', 'bytes 0-4/20'],
        [{ range: 'bytes=0-4', 'if-range': '"another"' }, 200, 'hello from the store', undefined],
        [{ 'if-none-match': `"another", ${etag}` }, 304, '', undefined]
      ] as const
      for (const [headers, status, text, contentRange] of cases) {
        const reply = await raw(origin, '/hello.txt', { headers })
        assert.deepEqual([reply.status, reply.body.toString(), reply.headers['content-range']], [status, text, contentRange], JSON.stringify(headers))
      }
      const head = await raw(origin, '/hello.txt', { method: 'HEAD' })
      assert.deepEqual([head.status, head.headers['content-length'], head.headers.etag], [200, '20', etag])
      for (const [method, target, status] of [['GET', '/absent', 404], ['GET', '/%', 400], ['POST', '/hello.txt', 405]] as const) {
        assert.equal((await raw(origin, target, { method })).status, status)
      }
      child.kill('SIGHUP')
      const replaced = [await next(), await next()]
      for (const again of replaced) assert.equal((await raw(again, '/hello.txt')).body.toString(), 'hello from the store')
    } finally {
      child.kill('SIGTERM')
    }
    assert.equal((await ended).code, 0)
  })

  it('ends in good order when every process of the server gets the signal, as from systemd', async () => {
    const { child, ended } = start('cluster-server')
    const announced = createInterface(child.stdout!)[Symbol.asyncIterator]()
    const next = async (): Promise<number> => Number(/child (\d+)/.exec(String((await announced.next()).value))![1])
    const children = [await next(), await next()]
    for (const pid of [...children, child.pid!]) process.kill(pid, 'SIGTERM')
    const { code, errors } = await ended
    assert.deepEqual([code, errors], [0, ''])
  })

  it('publishes a stream whole or not at all, and sends again what failed', async () => {
    assert.deepEqual(await linesOf('streams'), [
      'published layer 0;layer 1;layer 2;layer 3;', 'not published: out of memory', 'still layer 0;layer 1;layer 2;layer 3;',
      'in two parts layer 0;layer 1; | layer 2;layer 3; 16+16', 'kept true', 'in the end a better model', 'recovered number number number'
    ])
  })

  it('shares a matrix with threads and processes', async () => {
    assert.deepEqual(await linesOf('ndarray'), ['thread', 'process'].map(kind => `${kind} whole 249750000 transposed 249750000 row 3500 column 500`))
  })

  it('keeps checkpoints that are complete or absent, each downloaded once for all threads', async () => {
    assert.deepEqual(await linesOf('checkpoint'), [
      'kept data/runs/step-3 data/runs/step-2', 'latest data/runs/step-3 {"loss":0.1}',
      'threads read weights of step 3 | weights of step 3 | weights of step 3', 'downloads 1', 'left nothing true'
    ])
  })

  it('loads samples, stops and resumes without loss', async () => {
    assert.deepEqual(await linesOf('data-loader'), ['taken before the stop 40', 'after it 60 and different in all 100'])
  })
})

describe('an example, given a URL of a folder on GCS', function () {
  this.timeout(2 * millisecondsMost)
  const url = 'gs://data/examples'
  let server: GcsServer
  let env: Readonly<Record<string, string>>
  beforeEach(async () => {
    server = await spawnGcsServer({ buckets: ['data'] })
    env = { STORAGE_EMULATOR_HOST: server.endpoint }
  })
  afterEach(() => server.close())

  it('reads and writes', async () => {
    assert.equal((await linesOf('read-and-write', [url], env)).at(-1), 'gs left false')
    assert.deepEqual(await server.keys('data'), [])
  })

  it('resets at the start of a worker and later, and reads on', async () => {
    assert.deepEqual(await linesOf('reset-at-worker-init', [url], env), [
      'at the start dropped 0 instances, 0 clients', 'read hello', 'later dropped 1 instances, 1 clients',
      'read again hello in epoch 3', 'the open file: FORKFS_RESET'
    ])
  })

  it('publishes a stream whole or not at all', async () => {
    assert.deepEqual(await linesOf('streams', [url], env), [
      'published layer 0;layer 1;layer 2;layer 3;', 'not published: out of memory', 'still layer 0;layer 1;layer 2;layer 3;',
      'in two parts layer 0;layer 1; | layer 2;layer 3; 16+16', 'in the end a better model', 'recovered number number number'
    ])
    assert.deepEqual(await server.uploads('data'), [])
  })

  it('keeps checkpoints that are complete or absent, each downloaded once for all threads', async () => {
    assert.deepEqual(await linesOf('checkpoint', [url], env), [
      'kept data/examples/runs/step-3 data/examples/runs/step-2', 'latest data/examples/runs/step-3 {"loss":0.1}',
      'threads read weights of step 3 | weights of step 3 | weights of step 3', 'left nothing true'
    ])
    assert.equal((await server.counters()).gets['data/examples/runs/step-3/weights.txt'], 1)
  })

  it('loads samples, stops and resumes without loss', async () => {
    assert.deepEqual(await linesOf('data-loader', [url], env), ['taken before the stop 40', 'after it 60 and different in all 100'])
  })

  it('serves objects from cluster children', async () => {
    await server.put('data', 'examples/hello.txt', 'hello from the store')
    const { child, ended } = start('cluster-server', [url], env)
    try {
      const announced = createInterface(child.stdout!)[Symbol.asyncIterator]()
      for (let n = 0; n < 2; n++) {
        const origin = /http:\S+/.exec(String((await announced.next()).value))![0]
        const { status, body, headers } = await raw(origin, '/hello.txt', { headers: { range: 'bytes=-5' } })
        assert.deepEqual([status, body.toString(), headers['content-range']], [206, 'store', 'bytes 15-19/20'])
        assert.equal((await raw(origin, '/absent')).status, 404)
      }
    } finally {
      child.kill('SIGTERM')
    }
    assert.equal((await ended).code, 0)
  })
})
