import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import { isFsError, resetForFork } from '../../lib/index.js'
import { hasPeer } from '../implementations/gcs/support.js'
import { startFileServer, startGcsServer, startS3Server } from '../servers/index.js'
import type { FileServer, GcsServer, S3Server } from '../servers/index.js'
import { arrivals } from './bad-input/arrivals.js'
import { awsRows } from './bad-input/aws-files.js'
import { calls } from './bad-input/calls.js'
import { environment } from './bad-input/environment.js'
import { gcsRows } from './bad-input/gcs.js'
import { googleRows } from './bad-input/google-files.js'
import { options } from './bad-input/options.js'
import { placeOn, secret } from './bad-input/rows.js'
import type { Place, Row } from './bad-input/rows.js'

const tables: Readonly<Record<keyof typeof gcsRows, readonly Row[]>> = { 'among options': options, 'in calls': calls, 'in what arrives': arrivals, 'in the environment': environment }

describe('bad input', function () {
  let server: S3Server
  let gcs: GcsServer
  let files: FileServer
  let folder: string
  let place: Place
  before(async () => {
    server = await startS3Server()
    await server.put('test', 'a', 'text')
    gcs = await startGcsServer()
    await gcs.put('test', 'a', 'text')
    files = await startFileServer({ files: { a: 'text' } })
    folder = await mkdtemp(join(tmpdir(), 'forkfs-bad-input-'))
    place = placeOn(server, gcs, files, folder)
  })
  after(async () => {
    resetForFork()
    await Promise.all([server.close(), gcs.close(), files.close(), rm(folder, { recursive: true })])
  })

  /** What the mistake is answered with. */
  async function answer (call: Row[3]): Promise<unknown> {
    try {
      await call(place)
    } catch (error) {
      return error
    }
    return assert.fail('it was taken')
  }

  describe('in the files of AWS', function () {
    this.timeout(20_000)
    for (const { mistake, config = '', credentials = '', env = {}, code, subjects } of awsRows) {
      it(`is ${code} that names ${subjects.join(', ')}: ${mistake}`, async () => {
        await server.resetCounters()
        const home = await mkdtemp(join(tmpdir(), 'forkfs-bad-aws-'))
        try {
          const [configFile, credentialsFile] = [join(home, 'config'), join(home, 'credentials')]
          await Promise.all([writeFile(configFile, config), writeFile(credentialsFile, credentials)])
          const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./fixtures/reads-configured.child.js', import.meta.url))], {
            timeout: 15_000,
            env: {
              PATH: process.env['PATH'], HOME: home, NODE_NO_WARNINGS: '1', AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: configFile, AWS_SHARED_CREDENTIALS_FILE: credentialsFile,
              AWS_ENDPOINT_URL: server.endpoint, AWS_REGION: 'us-east-1', ...env
            }
          })
          const found = JSON.parse(stdout) as { readonly fs: boolean, readonly code: string, readonly message: string, readonly shown: string }
          assert.deepEqual([found.fs, found.code], [true, code], found.message)
          for (const subject of subjects) assert.ok(found.message.includes(subject.replace('%', home)), found.message)
          assert.equal(found.shown.includes(secret), false)
          assert.equal((await server.counters()).requests, 0)
        } finally {
          await rm(home, { recursive: true })
        }
      })
    }
  })

  describe('in a file of Google credentials (needs @google-cloud/storage)', function () {
    this.timeout(20_000)
    before(function () { if (!hasPeer()) this.skip() })
    for (const { mistake, text, variable = 'GOOGLE_APPLICATION_CREDENTIALS' } of googleRows) {
      it(`is FORKFS_CREDENTIALS that names the file: one ${mistake}`, async () => {
        await gcs.resetCounters()
        const home = await mkdtemp(join(tmpdir(), 'forkfs-bad-google-'))
        try {
          const file = join(home, 'key.json')
          if (text !== undefined) await writeFile(file, text)
          const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('./fixtures/reads-configured.child.js', import.meta.url)), 'gs'], {
            timeout: 15_000,
            env: {
              PATH: process.env['PATH'], HOME: home, NODE_PATH: process.env['NODE_PATH'], NODE_NO_WARNINGS: '1', METADATA_SERVER_DETECTION: 'none',
              STORAGE_EMULATOR_HOST: gcs.endpoint, FORKFS_GS_USE_AUTH_WITH_CUSTOM_ENDPOINT: 'true', [variable]: file
            }
          })
          const found = JSON.parse(stdout) as { readonly fs: boolean, readonly code: string, readonly message: string, readonly shown: string }
          assert.deepEqual([found.fs, found.code], [true, 'FORKFS_CREDENTIALS'], found.message)
          for (const subject of [file, variable === 'GOOGLE_APPLICATION_CREDENTIALS' ? variable : 'keyFilename']) assert.ok(found.message.includes(subject), found.message)
          assert.equal(found.shown.includes(secret), false)
          assert.equal((await gcs.counters()).requests, 0)
        } finally {
          await rm(home, { recursive: true })
        }
      })
    }
  })

  for (const [where, rows] of Object.entries(tables)) {
    describe(where, () => {
      for (const [mistake, subject, expected, call] of [...rows, ...gcsRows[where as keyof typeof gcsRows]]) {
        it(`is ${expected} that names ${subject}: ${mistake.replaceAll(secret, '…')}`, async () => {
          await Promise.all([server.resetCounters(), gcs.resetCounters(), files.resetCounters()])
          const error = await answer(call)
          if (expected === 'TypeError' || expected === 'RangeError') {
            assert.ok(error instanceof Error && !isFsError(error), inspect(error))
            assert.equal(error.name, expected, error.message)
          } else {
            assert.ok(isFsError(error), inspect(error))
            assert.equal(error.code, expected, error.message)
            assert.equal(error.retry === 'may', false)
          }
          assert.ok(error.message.includes(subject), error.message)
          assert.equal(inspect(error, { depth: 9, showHidden: true }).includes(secret), false)
          for (const each of [server, gcs, files]) assert.equal((await each.counters()).requests, 0)
          for (const each of [server, gcs]) assert.deepEqual(await each.keys('test'), ['a'])
          assert.deepEqual((await readdir(folder)).filter(name => name !== 'bad.json'), [])
        })
      }
    })
  }
})
