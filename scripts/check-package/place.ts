/** The package packed, and installed where nothing else is. */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, run } from './run.js'

export interface Manifest {
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly types: string, readonly default: string }>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
}

/** A user's folder with the package in its node_modules. */
export interface Place {
  readonly folder: string
  readonly tarball: string
  readonly manifest: Manifest
}

const belongs = /^(?:dist\/.*\.(?:js|d\.ts)|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/

/**
 * @param folder of the user, empty
 * @param linked without the registry: unpack it and link its dependencies from the repository
 */
export async function preparePlace (folder: string, linked: boolean): Promise<Place> {
  const packed = JSON.parse(await run({ cwd: root }, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)) as
    [{ readonly filename: string, readonly files: ReadonlyArray<{ readonly path: string }> }]
  const [{ filename, files }] = packed
  const strange = files.map(({ path }) => path).filter(path => !belongs.test(path))
  if (strange.length > 0) throw new Error(`files that do not belong into the package: ${strange.join(', ')}`)
  const tarball = join(folder, filename)
  await writeFile(join(folder, 'package.json'), '{ "name": "user", "type": "module", "private": true }')
  if (linked) await unpack(folder, tarball)
  else await run({ cwd: folder }, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', '--omit=peer', tarball)
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules', 'forkfs', 'package.json'), 'utf8')) as Manifest
  for (const target of Object.values(manifest.exports)) {
    for (const file of typeof target === 'string' ? [target] : Object.values(target)) {
      if (!files.some(({ path }) => `./${path}` === file) && file !== './package.json') throw new Error(`package.json exports ${file}, which is not in the package`)
    }
  }
  console.log(`packed ${files.length} files, ${linked ? 'unpacked beside the dependencies of this repository' : 'installed into an empty folder'}`)
  return { folder, tarball, manifest }
}

async function unpack (folder: string, tarball: string): Promise<void> {
  const target = join(folder, 'node_modules', 'forkfs')
  await mkdir(target, { recursive: true })
  await run({ cwd: folder }, 'tar', '-xzf', tarball, '-C', target, '--strip-components=1')
  const { dependencies } = JSON.parse(await readFile(join(target, 'package.json'), 'utf8')) as Manifest
  for (const name of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(join(root, 'node_modules', name), link)
  }
}

/** Copy a compiled fixture into the user's folder. */
export async function addFixture ({ folder }: Place, name: string, as = name): Promise<string> {
  const target = join(folder, as)
  await cp(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), target)
  return target
}
