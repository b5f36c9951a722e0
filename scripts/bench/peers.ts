/** Peers that are no dependency of the repository: where they come from, and which versions are there. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, findProgram, packageVersion } from './places.js'

const run = promisify(execFile)

/** Also those that the repository tests with: it may be used without them. opendal is held at the newest version whose binary loads on Debian 12. */
const packages = ['@aws-sdk/client-s3@^3.1169.0', '@aws-sdk/lib-storage@^3.1169.0', '@smithy/undici-http-handler@^3.2.4', 'minio@^8.0.7', 'opendal@0.49.2', '@google-cloud/storage@^7.22.0', '@node-rs/crc32@^1.10.8']
const pythonPeers = ['webdataset', 's3fs', 'gcsfs', 'obstore', 'joblib', 'numpy']

async function show (command: string, args: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: 'inherit' })
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}`)
}

/** Fetch packages and make a Python with its peers, in the cache folder: about 100 MB and 250 MB. */
export async function installPeers (say: (text: string) => void): Promise<void> {
  const folder = cacheFolder()
  mkdirSync(folder, { recursive: true })
  await show('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-package-lock', ...packages], folder)
  const python = findProgram('python3')
  if (python === undefined) { say('no python3: its libraries are left out'); return }
  await show(python, ['-m', 'venv', join(folder, 'python')], folder)
  await show(join(folder, 'python/bin/pip'), ['install', '--quiet', ...pythonPeers], folder)
}

/** A Python that has webdataset: the one in the cache folder. */
export async function findPython (): Promise<string | undefined> {
  const python = join(cacheFolder(), 'python/bin/python')
  if (!existsSync(python)) return undefined
  return run(python, ['-c', 'import webdataset']).then(() => python, () => undefined)
}

/** Which of the peers it can import. */
export async function pythonPackages (python: string | undefined): Promise<readonly string[]> {
  if (python === undefined) return []
  const program = 'import importlib.util as u, sys; print(*[name for name in sys.argv[1:] if u.find_spec(name) is not None])'
  return (await run(python, ['-c', program, ...pythonPeers])).stdout.trim().split(' ')
}

async function pythonVersions (python: string): Promise<string> {
  const program = 'import importlib.metadata as m, platform\ntry: torch = "torch " + m.version("torch")\nexcept Exception: torch = "without torch: its own processes"\n' +
    'have = {d.metadata["Name"]: d.version for d in m.distributions()}\n' +
    `more = [name + " " + have[name] for name in ${JSON.stringify(pythonPeers.slice(1))} if name in have]\n` +
    'print(", ".join(["Python " + platform.python_version(), "webdataset " + m.version("webdataset") + " (" + torch + ")", *more]))'
  return (await run(python, ['-c', program])).stdout.trim()
}

async function firstLine (program: string, args: readonly string[]): Promise<string | undefined> {
  const path = findProgram(program)
  if (path === undefined) return undefined
  const { stdout, stderr } = await run(path, args).catch((error: { readonly stdout?: string, readonly stderr?: string }) => ({ stdout: error.stdout ?? '', stderr: error.stderr ?? '' }))
  return (stdout === '' ? stderr : stdout).split('\n')[0]?.replace(/^nginx version: /, '').slice(0, 40).trim()
}

/** One line: what was compared. */
export async function peerVersions (python: string | undefined): Promise<string> {
  const named = ['undici', '@aws-sdk/client-s3', '@aws-sdk/lib-storage', '@smithy/undici-http-handler', 'minio', 'opendal', '@google-cloud/storage'].flatMap(name => {
    const version = packageVersion(name)
    return version === undefined ? [] : [`${name} ${version}`]
  })
  const programs = [await firstLine('nginx', ['-v']), (await firstLine('curl', ['--version']))?.split(' ').slice(0, 2).join(' '), (await firstLine('wrk', ['-v']))?.split(' ').slice(0, 2).join(' ')]
  return [...named, python === undefined ? undefined : await pythonVersions(python), ...programs].filter(text => text !== undefined && text !== '').join(' · ')
}
