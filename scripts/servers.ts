/**
 * Real servers for the conformance suite: MinIO and fake-gcs-server, built with Go where a Go toolchain is present, on free loopback ports
 * with throw-away data folders. As a program it starts the servers, prints their settings as `KEY=VALUE` lines and stops, leaving nothing,
 * when its standard input ends or on SIGTERM or SIGINT.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { once } from 'node:events'
import type { ChildProcess } from 'node:child_process'
import type { AddressInfo } from 'node:net'

export interface StartedServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string
  /** The settings by which suites find it. */
  readonly env: Readonly<Record<string, string>>
  /** End the process and remove its data. Idempotent. */
  close (): Promise<void>
}

/** MinIO, with its one key. */
export interface RealServer extends StartedServer {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

const minioModule = 'github.com/minio/minio@latest'
const fakeGcsModule = 'github.com/fsouza/fake-gcs-server@latest'
const startMsMost = 60_000

/** The folder of built binaries: `$XDG_CACHE_HOME/forkfs-servers`, outside the repository. */
export function binaryFolder (): string {
  const base = process.env['XDG_CACHE_HOME'] ?? ''
  return join(base === '' ? join(homedir(), '.cache') : base, 'forkfs-servers')
}

/** Whether a Go toolchain can be run. */
export async function hasGo (): Promise<boolean> {
  return run('go', ['version'], {}).then(() => true, () => false)
}

/**
 * Path of the MinIO binary; the first call builds it, about three minutes on two cores.
 * @throws Error when Go is missing or the build fails, with the end of its output
 */
export function ensureMinio (): Promise<string> { return ensure('minio', minioModule) }

/** Path of the fake-gcs-server binary; the first call builds it, less than a minute on two cores. @throws Error as {@link ensureMinio} */
export function ensureFakeGcs (): Promise<string> { return ensure('fake-gcs-server', fakeGcsModule) }

/** Build `module` into the folder of binaries unless `name` is there. Builds beside each other do not disturb: each renames its own result. */
async function ensure (name: string, module: string): Promise<string> {
  const folder = binaryFolder()
  const binary = join(folder, process.platform === 'win32' ? `${name}.exe` : name)
  if (await exists(binary)) return binary
  if (!await hasGo()) throw new Error(`Expected a Go toolchain on the path to build ${name}, found none`)
  await mkdir(folder, { recursive: true })
  const building = await mkdtemp(join(folder, 'build-'))
  try {
    await run('go', ['install', module], { ...process.env, GOBIN: building })
    await rename(join(building, process.platform === 'win32' ? `${name}.exe` : name), binary)
  } finally {
    await rm(building, { recursive: true, force: true })
  }
  return binary
}

/** All real servers. A server that fails to start closes the others. */
export async function startServers (): Promise<readonly StartedServer[]> {
  const started = await Promise.allSettled([startMinio(), startFakeGcs()])
  const servers = started.filter(one => one.status === 'fulfilled').map(one => one.value)
  const failed = started.find(one => one.status === 'rejected')
  if (failed === undefined) return servers
  await Promise.all(servers.map(server => server.close()))
  throw failed.reason
}

/** Start MinIO with made-up credentials; settles when it answers. */
export async function startMinio (): Promise<RealServer> {
  const binary = await ensureMinio()
  const data = await mkdtemp(join(tmpdir(), 'forkfs-minio-'))
  const [port, consolePort] = await freePorts(2)
  const accessKeyId = 'minio-' + randomBytes(6).toString('hex')
  const secretAccessKey = randomBytes(18).toString('hex')
  const endpoint = `http://127.0.0.1:${port}`
  const close = await launch(binary, ['server', '--quiet', '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${consolePort}`, data], data, `${endpoint}/minio/health/ready`, {
    MINIO_ROOT_USER: accessKeyId, MINIO_ROOT_PASSWORD: secretAccessKey,
    MINIO_BROWSER: 'off', MINIO_UPDATE: 'off', MINIO_CI_CD: '1' // CI_CD: the data folder may lie on the root disk
  })
  const region = 'us-east-1'
  const env = {
    FORKFS_TEST_S3_ENDPOINT: endpoint, FORKFS_TEST_S3_ACCESS_KEY: accessKeyId, FORKFS_TEST_S3_SECRET_KEY: secretAccessKey, FORKFS_TEST_S3_REGION: region
  }
  return { endpoint, accessKeyId, secretAccessKey, region, env, close }
}

/** Start fake-gcs-server with its objects in memory (on disk it cannot hold most names); settles when it answers. Nobody needs a credential. */
export async function startFakeGcs (): Promise<StartedServer> {
  const binary = await ensureFakeGcs()
  const data = await mkdtemp(join(tmpdir(), 'forkfs-gcs-'))
  const [port] = await freePorts(1)
  const endpoint = `http://127.0.0.1:${port}`
  const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-public-host', `127.0.0.1:${port}`, '-backend', 'memory', '-log-level', 'error']
  const close = await launch(binary, args, data, `${endpoint}/_internal/healthcheck`, {})
  return { endpoint, env: { FORKFS_TEST_GCS_ENDPOINT: endpoint }, close }
}

/** Run a server until it answers at `url`. @returns What ends it and removes its data */
async function launch (binary: string, args: readonly string[], data: string, url: string, env: Readonly<Record<string, string>>): Promise<() => Promise<void>> {
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'], HOME: data, ...env } })
  const close = closer(child, data)
  try {
    await answers(child, url)
  } catch (error) {
    await close()
    throw error
  }
  return close
}

function closer (child: ChildProcess, data: string): () => Promise<void> {
  const exited = new Promise<void>(resolve => { child.once('exit', () => resolve()).once('error', () => resolve()) })
  const killWithUs = (): void => { child.kill('SIGKILL') }
  process.once('exit', killWithUs)
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) child.kill('SIGKILL')
    await exited
    process.removeListener('exit', killWithUs)
    await rm(data, { recursive: true, force: true, maxRetries: 5 })
  }
  let closing: Promise<void> | undefined
  return () => closing ??= end()
}

/** Ask until the answer is 200. @throws Error when the process ends before, with the end of what it said, or after a minute */
async function answers (child: ChildProcess, url: string): Promise<void> {
  let said = ''
  let ended = false
  child.stderr?.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-2000) })
  child.once('exit', () => { ended = true }).once('error', error => {
    ended = true
    said += error.message
  })
  for (const until = Date.now() + startMsMost; Date.now() < until && !ended;) {
    if (await statusOf(url) === 200) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`Expected the server to answer within ${startMsMost} ms, it ${ended ? 'ended' : 'did not'}: ${said}`)
}

function statusOf (url: string): Promise<number | undefined> {
  return new Promise(resolve => {
    const request = get(url, { agent: false, timeout: 2000 }, response => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('timeout', () => { request.destroy() })
    request.on('error', () => resolve(undefined))
  })
}

async function freePorts (count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map(server => once(server, 'listening')))
  const ports = servers.map(server => (server.address() as AddressInfo).port)
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

function exists (path: string): Promise<boolean> { return access(path).then(() => true, () => false) }

async function run (command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => { said = (said + text).slice(-2000) })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${said}`)
}

async function main (): Promise<void> {
  const stopping = new Promise<void>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
    process.stdin.on('end', () => resolve()).on('error', () => resolve()).resume()
  })
  const servers = await startServers()
  for (const [name, value] of servers.flatMap(({ env }) => Object.entries(env))) process.stdout.write(`${name}=${value}\n`)
  await stopping
  await Promise.all(servers.map(server => server.close()))
  process.stdin.destroy()
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
    process.stdin.destroy()
  })
}
