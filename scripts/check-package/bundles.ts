/** An application that uses forkfs is bundled by esbuild and by webpack, optional peers there or not, and runs where no package is. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { startS3Server } from '../../test/servers/index.js'
import { addFixture } from './place.js'
import type { Place } from './place.js'
import { run } from './run.js'
import type { Tools } from './tools.js'

/** Its exports are called by the name of its file; the workers of a DataLoader start with it as well. */
const workerEntry = `import 'forkfs/loader/bootstrap'
export const length = async (fs, path) => (await fs.readText(path)).length
`
const expected = 'here a\nb\nthread 3\nloaded a\nloaded b\nprocess 3\nloaded a\nloaded b\nFORKFS_MISSING_PEER\n'
const marker = 'an optional peer that no bundle may hold'
const entries = { main: 'bundle-main.js', worker: 'bundle-worker.js' } as const

type Bundle = (folder: string, out: string) => Promise<void>

interface Esbuild { build (options: object): Promise<{ readonly warnings: readonly unknown[] }> }
interface WebpackStats { hasErrors (): boolean, hasWarnings (): boolean, toString (options: object): string }
type Webpack = (options: object, done: (error: Error | null, stats: WebpackStats) => void) => void

function esbuild (tools: Tools, format: 'esm' | 'cjs'): Bundle {
  const { build } = createRequire(tools.path('x.js'))('esbuild') as Esbuild
  return async (folder, out) => {
    const { warnings } = await build({
      absWorkingDir: folder, entryPoints: entries, outdir: out, bundle: true, platform: 'node', target: 'node20', format, minify: true, logLevel: 'silent', logOverride: { 'empty-import-meta': 'silent' },
      outExtension: { '.js': format === 'esm' ? '.mjs' : '.cjs' },
      // undici is CommonJS: the usual line for such packages in ESM output
      ...format === 'esm' ? { banner: { js: 'import { createRequire as $require } from \'node:module\'; const require = $require(import.meta.url)' } } : {}
    })
    if (warnings.length > 0) throw new Error(`esbuild warns: ${JSON.stringify(warnings)}`)
  }
}

function webpack (tools: Tools): Bundle {
  const compile = createRequire(tools.path('x.js'))('webpack') as Webpack
  return (context, path) => new Promise((resolve, reject) => {
    const entry = Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `./${file}`]))
    compile({
      context, entry, mode: 'production', target: 'node20', optimization: { minimize: false }, experiments: { outputModule: true },
      module: { parser: { javascript: { importMeta: false, url: false } } }, // else it is the place of the source
      output: { path, module: true, filename: '[name].mjs', library: { type: 'module' } }
    }, (error, stats) => {
      if (error === null && !stats.hasErrors() && !stats.hasWarnings()) resolve()
      else reject(error ?? new Error(`webpack: ${stats.toString({ all: false, errors: true, warnings: true })}`))
    })
  })
}

export async function checkBundles (place: Place, tools: Tools): Promise<void> {
  await addFixture(place, entries.main)
  await writeFile(join(place.folder, entries.worker), workerEntry)
  const server = await startS3Server({ anonymous: true })
  try {
    await server.put('test', 'lines.txt', Buffer.from('a\nb'))
    const check = async (name: string, bundle: Bundle): Promise<void> => { await checkBundle(place, name, bundle, server.endpoint) }
    await check('esbuild-esm', esbuild(tools, 'esm'))
    await withPeers(place, async () => {
      await check('esbuild-cjs', esbuild(tools, 'cjs'))
      await check('webpack', webpack(tools))
    })
  } finally {
    await server.close()
  }
  console.log('bundled by esbuild (ESM and CommonJS) and webpack: both run, with workers and loader, and hold no optional peer')
}

/** It runs outside of the user's folder, so that nothing is found there. */
async function checkBundle ({ folder }: Place, name: string, bundle: Bundle, endpoint: string): Promise<void> {
  const out = join(folder, '..', `${folder.split('/').at(-1)!}-${name}`)
  try {
    await bundle(folder, out)
    const files = await readdir(out)
    for (const file of files) if ((await readFile(join(out, file), 'utf8')).includes(marker)) throw new Error(`${name} bundled an optional peer into ${file}`)
    const [main, worker] = ['main', 'worker'].map(entry => files.find(file => file.startsWith(`${entry}.`))!) as [string, string]
    const printed = await run({ cwd: out }, process.execPath, join(out, main), worker, endpoint)
    if (printed !== expected) throw new Error(`the bundle of ${name} printed other lines:\n${printed}`)
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

/** While every optional peer can be found, each of them a module that says so. */
async function withPeers ({ folder, manifest }: Place, task: () => Promise<void>): Promise<void> {
  const names = Object.keys(manifest.peerDependenciesMeta)
  for (const name of names) {
    const peer = join(folder, 'node_modules', name)
    await mkdir(peer, { recursive: true })
    await writeFile(join(peer, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    await writeFile(join(peer, 'index.js'), `module.exports = '${marker}'\n`)
  }
  try {
    await task()
  } finally {
    for (const name of names) await rm(join(folder, 'node_modules', name), { recursive: true })
  }
}
