import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Place } from './place.js'
import { root, run, twoAtATime } from './run.js'
import { typescripts } from './tools.js'
import type { Tools } from './tools.js'

interface Case { readonly compiler: string, readonly config: string }

const common = { target: 'es2022', strict: true, noEmit: true, types: ['node'], skipLibCheck: false }
/** As strict as ours, and as lenient as the oldest resolution that knows `exports`. */
const configs = {
  nodenext: { ...common, module: 'nodenext', moduleResolution: 'nodenext', exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, lib: ['es2023', 'esnext.disposable'] },
  commonjs: { ...common, module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2022', 'esnext.disposable'] },
  bundler: { ...common, module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'esnext.disposable', 'dom'] }
} as const
/** CommonJS in TypeScript: an error in compilers before 5.8, and syntax that this repository does not take. */
const commonjs = `import forkfs = require('forkfs')
import streams = require('forkfs/streams')
import workers = require('forkfs/workers')

const memory = forkfs.filesystem('memory', { name: 'x' })
export const s3: forkfs.FileSystem = forkfs.filesystem('s3', { region: 'eu-west-1' })

export async function read (): Promise<[string, number | undefined]> {
  const worker: workers.RemoteWorker = await workers.startWorker()
  await worker.close()
  const text = await memory.readText('x')
  return [text, await streams.withStream('s3://bucket/x', 'r', async stream => stream.size)]
}

// @ts-expect-error a misspelt option
forkfs.filesystem('s3', { regoin: 'eu-west-1' })
`
const programs: Readonly<Record<keyof typeof configs, string>> = { nodenext: 'user.ts', commonjs: 'user.cts', bundler: 'user.ts' }
const knowsRequire = (label: string): boolean => !/^5\.[0-7]\./.test(label)

/**
 * A user's program compiles, declarations included (`skipLibCheck: false`), with each compiler, and what the types must refuse is refused.
 * @param tools undefined: with the repository's own compiler alone
 */
export async function checkTypes ({ folder }: Place, tools: Tools | undefined): Promise<void> {
  await copyFile(join(root, 'scripts', 'check-package', 'fixtures', 'user.ts'), join(folder, 'user.ts'))
  await writeFile(join(folder, 'user.cts'), commonjs)
  for (const [name, program] of Object.entries(programs) as Array<[keyof typeof configs, string]>) {
    await writeFile(join(folder, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions: configs[name], files: [program] }))
  }
  const modules = tools === undefined ? join(root, 'node_modules') : tools.path()
  for (const name of ['@types/node', 'undici-types']) await link(join(modules, name), join(folder, 'node_modules', name))
  const own = join(root, 'node_modules', 'typescript')
  const compilers: Array<readonly [string, string]> = [['of this repository', own]]
  if (tools !== undefined) for (const version of typescripts) compilers.push([version, tools.path(`typescript-${version}`)])
  const cases = compilers.flatMap(([label, compiler]): Case[] => [
    { compiler, config: 'nodenext' },
    ...knowsRequire(label) ? [{ compiler, config: 'commonjs' }] : [],
    ...label === typescripts[0] || label === typescripts.at(-1) ? [{ compiler, config: 'bundler' }] : []
  ])
  await twoAtATime(cases, async ({ compiler, config }) => {
    await run({ cwd: folder }, process.execPath, join(compiler, 'bin', 'tsc'), '-p', `tsconfig.${config}.json`)
  })
  console.log(`types check for a user of TypeScript ${compilers.map(([label]) => label).join(', ')}, also by \`import x = require()\` where it may be`)
}

async function link (from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await symlink(from, to)
}
