/**
 * The package as its users get it: packed, installed into an empty folder, imported, required, type-checked, and read
 * through in a worker thread there; then publint and arethetypeswrong. Prints one line per check.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

async function run (cwd: string, command: string, ...args: string[]): Promise<string> {
  const { stdout } = await exec(command, args, { cwd, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, npm_config_loglevel: 'error' } }).catch((error: { stdout?: string, stderr?: string }) => {
    throw new Error(`${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
  })
  return stdout
}

const user = `import { DataLoader } from 'forkfs/loader'
import { filesystem, open, resetForFork, type FileHandle, type FileInfo } from 'forkfs'
import { startWorker } from 'forkfs/workers'
import { S3FileSystem } from 'forkfs/s3'
import { startS3Server } from 'forkfs/testing'

const fs: S3FileSystem = filesystem('s3', { region: 'eu-west-1', endpoint: 'http://127.0.0.1:1' })
export async function main (): Promise<FileInfo[]> {
  const memory = filesystem('memory', { name: 'x' })
  const handle: FileHandle = await open('memory://x', 'r', { memory: { name: 'x' } })
  const text: string = await handle.readFile('utf8')
  const { epoch }: { epoch: number } = resetForFork()
  void [text, epoch, DataLoader, startWorker, startS3Server, fs.token]
  return await memory.ls('')
}
`

const program = `import { Worker, isMainThread, workerData, parentPort } from 'node:worker_threads'
import { filesystem, revive } from 'forkfs'
import { startS3Server } from 'forkfs/testing'
if (isMainThread) {
  const server = await startS3Server()
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const fs = filesystem('s3', { endpoint, region, credentials: { accessKeyId, secretAccessKey }, shareCredentials: true })
  await fs.writeText('test/hello', 'hello')
  const worker = new Worker(new URL(import.meta.url), { workerData: { fs } })
  worker.on('message', async text => { console.log(text); await fs.close(); await server.close() })
} else {
  const { fs } = revive(workerData)
  parentPort.postMessage(await fs.readText('test/hello'))
  await fs.close()
}
`

async function main (): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'forkfs-package-'))
  try {
    const [packed] = JSON.parse(await run(root, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as [{ filename: string, files: Array<{ path: string }> }]
    const strange = packed.files.map(({ path }) => path).filter(path => !/^(?:dist\/.*\.(?:js|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/.test(path))
    if (strange.length > 0) throw new Error(`files that do not belong into the package: ${strange.join(', ')}`)
    console.log(`packed ${packed.files.length} files`)
    await writeFile(join(folder, 'package.json'), '{ "name": "user", "type": "module", "private": true }')
    await run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--omit=peer', `./${packed.filename}`)
    console.log('installed into an empty folder')
    await writeFile(join(folder, 'program.mjs'), program)
    if ((await run(folder, process.execPath, 'program.mjs')).trim() !== 'hello') throw new Error('the worker of the installed package did not read what was written')
    await run(folder, process.execPath, '--no-warnings', '--input-type=commonjs', '--eval', 'require("forkfs").filesystem("memory"); require("forkfs/loader"); require("forkfs/workers")')
    console.log('imported, required, read through a worker thread')
    await writeFile(join(folder, 'user.ts'), user)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { module: 'nodenext', target: 'es2022', lib: ['es2023', 'esnext.disposable'], strict: true, noEmit: true, types: ['node'], skipLibCheck: true, exactOptionalPropertyTypes: true }, files: ['user.ts'] }))
    await mkdir(join(folder, 'node_modules', '@types'), { recursive: true })
    await symlink(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'))
    await symlink(join(root, 'node_modules', 'undici-types'), join(folder, 'node_modules', 'undici-types'))
    await run(folder, process.execPath, join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.')
    console.log('types check for a user')
    console.log(`publint: ${(await run(root, process.execPath, join(root, 'node_modules', 'publint', 'src', 'cli.js'), '--strict')).trim().split('\n').at(-1)}`)
    await run(root, process.execPath, join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js'), join(folder, packed.filename), '--profile', 'esm-only', '--format', 'ascii')
    console.log('arethetypeswrong: nothing')
    console.log(`${(JSON.parse(await readFile(join(folder, 'node_modules', 'forkfs', 'package.json'), 'utf8')) as { version: string }).version} is fine`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
