/** Where things are: the library as it was built, the peers, the programs. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type * as Forkfs from '../../lib/index.js'

/** The folder of package.json. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)))

function findRoot (folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}

/** Peers that are no dependency of the repository live here. */
export function cacheFolder (): string {
  const base = process.env['XDG_CACHE_HOME'] ?? ''
  return join(base === '' ? join(homedir(), '.cache') : base, 'forkfs-bench')
}

/** The built library: the files that are published where they are built, else the modules they are made of. */
export function libraryUrl (entry: 'index' | 'loader' | 'checkpoint'): string {
  const published = new URL(`../../package/${entry}.js`, import.meta.url)
  if (existsSync(published)) return published.href
  return new URL(entry === 'index' ? '../../lib/index.js' : `../../lib/${entry}/index.js`, import.meta.url).href
}

export async function importForkfs (): Promise<typeof Forkfs> {
  return await import(libraryUrl('index')) as typeof Forkfs
}

/** Path of a package: the repository's own, else that of the cache folder. */
export function findPackage (name: string, cache: string = cacheFolder()): string | undefined {
  for (const base of [root, cache]) {
    const folder = join(base, 'node_modules', name)
    if (existsSync(join(folder, 'package.json'))) return folder
  }
  return undefined
}

export function packageVersion (name: string, cache?: string): string | undefined {
  const folder = findPackage(name, cache)
  return folder === undefined ? undefined : (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly version: string }).version
}

/** URL of the file that `import name` would load: workers are told it. @throws Error when the package is not there */
export function peerUrl (name: string, cache: string): string {
  const folder = findPackage(name, cache)
  if (folder === undefined) throw new Error(`${name} is not installed; run with --install`)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly exports?: Readonly<Record<string, unknown>> }
  let entry = exports?.['.']
  while (typeof entry === 'object' && entry !== null) {
    const conditions: Readonly<Record<string, unknown>> = entry as Record<string, unknown>
    entry = conditions['node'] ?? conditions['import'] ?? conditions['default']
  }
  return pathToFileURL(typeof entry === 'string' ? join(folder, entry) : createRequire(import.meta.url).resolve(folder)).href
}

export async function importPeer<T> (name: string, cache: string): Promise<T> {
  return await import(peerUrl(name, cache)) as T
}

/** A program on the path. */
export function findProgram (name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    try {
      const path = join(folder, name)
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // The next folder.
    }
  }
  return undefined
}
