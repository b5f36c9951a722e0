/**
 * Real servers for the conformance suite: MinIO, built with Go where a Go toolchain is present, on a free loopback port with a
 * throw-away data folder. As a program it starts the servers, prints their settings as `KEY=VALUE` lines and stops, leaving nothing,
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

export interface RealServer {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  /** End the process and remove its data. Idempotent. */
  close (): Promise<void>
}

const minioModule = 'github.com/minio/minio@latest'
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

/** Start MinIO with made-up credentials; settles when it answers. */
export async function startMinio (): Promise<RealServer> {
  const binary = await ensureMinio()
  const data = await mkdtemp(join(tmpdir(), 'forkfs-minio-'))
  const [port, consolePort] = await freePorts(2)
  const accessKeyId = 'minio-' + randomBytes(6).toString('hex')
  const secretAccessKey = randomBytes(18).toString('hex')
  const child = spawn(binary, ['server', '--quiet', '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${consolePort}`, data], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      PATH: process.env['PATH'], HOME: data, MINIO_ROOT_USER: accessKeyId, MINIO_ROOT_PASSWORD: secretAccessKey,
      MINIO_BROWSER: 'off', MINIO_UPDATE: 'off', MINIO_CI_CD: '1' // CI_CD: the data folder may lie on the root disk
    }
  })
  const close = closer(child, data)
  const endpoint = `http://127.0.0.1:${port}`
  try {
    await answers(child, `${endpoint}/minio/health/ready`)
  } catch (error) {
    await close()
    throw error
  }
  return { endpoint, accessKeyId, secretAccessKey, region: 'us-east-1', close }
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
  const minio = await startMinio()
  process.stdout.write(`FORKFS_TEST_S3_ENDPOINT=${minio.endpoint}\nFORKFS_TEST_S3_ACCESS_KEY=${minio.accessKeyId}\n` +
    `FORKFS_TEST_S3_SECRET_KEY=${minio.secretAccessKey}\nFORKFS_TEST_S3_REGION=${minio.region}\n`)
  await stopping
  await minio.close()
  process.stdin.destroy()
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
    process.stdin.destroy()
  })
}
