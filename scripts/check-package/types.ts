import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Place } from './place.js'
import { root, run, twoAtATime } from './run.js'
import { typescripts } from './tools.js'
import type { Tools } from './tools.js'

interface Case { readonly label: string, readonly compiler: string, readonly config: string }

const common = { target: 'es2022', strict: true, noEmit: true, types: ['node'], skipLibCheck: false }
/** As strict as ours, and as lenient as the oldest resolution that knows `exports`. */
const configs = {
  nodenext: { ...common, module: 'nodenext', moduleResolution: 'nodenext', exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, lib: ['es2023', 'esnext.disposable'] },
  bundler: { ...common, module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'esnext.disposable', 'dom'] }
} as const

/**
 * A user's program compiles, declarations included (`skipLibCheck: false`), with each compiler, and what the types must refuse is refused.
 * @param tools undefined: with the repository's own compiler alone
 */
export async function checkTypes ({ folder }: Place, tools: Tools | undefined): Promise<void> {
  await copyFile(join(root, 'scripts', 'check-package', 'fixtures', 'user.ts'), join(folder, 'user.ts'))
  for (const [name, compilerOptions] of Object.entries(configs)) await writeFile(join(folder, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files: ['user.ts'] }))
  const modules = tools === undefined ? join(root, 'node_modules') : tools.path()
  for (const name of ['@types/node', 'undici-types']) await link(join(modules, name), join(folder, 'node_modules', name))
  const own = join(root, 'node_modules', 'typescript')
  const compilers: Array<readonly [string, string]> = [['of this repository', own]]
  if (tools !== undefined) for (const version of typescripts) compilers.push([version, tools.path(`typescript-${version}`)])
  const cases = compilers.flatMap(([label, compiler]): Case[] => [
    { label, compiler, config: 'nodenext' },
    ...(label === typescripts[0] || label === typescripts.at(-1) ? [{ label, compiler, config: 'bundler' }] : [])
  ])
  await twoAtATime(cases, async ({ compiler, config }) => {
    await run({ cwd: folder }, process.execPath, join(compiler, 'bin', 'tsc'), '-p', `tsconfig.${config}.json`)
  })
  console.log(`types check for a user of TypeScript ${compilers.map(([label]) => label).join(', ')}`)
}

async function link (from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await symlink(from, to)
}
