import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { raw } from '../unit/servers/support.js'

const millisecondsMost = 30_000

interface Ended { readonly code: number | null, readonly lines: readonly string[], readonly errors: string }

function start (name: string, args: readonly string[] = []): { readonly child: ChildProcess, readonly ended: Promise<Ended> } {
  const program = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: millisecondsMost, killSignal: 'SIGKILL' })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { errors += text })
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, lines: output.split('\n').filter(line => line !== ''), errors }))
  return { child, ended }
}

/** The lines that it prints when all goes well. */
async function linesOf (name: string, args?: readonly string[]): Promise<readonly string[]> {
  const { code, lines, errors } = await start(name, args).ended
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

  it('resets at the start of a worker and later, and reads on', async () => {
    assert.deepEqual(await linesOf('reset-at-worker-init'), [
      'at the start dropped 0 instances, 0 clients', 'read hello', 'later dropped 1 instances, 1 clients',
      'read again hello in epoch 3', 'the open file: FORKFS_RESET'
    ])
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
      'in two parts layer 0;layer 1; | layer 2;layer 3; 16+16', 'kept true', 'sent again a better model', 'recovered number number number'
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
