type Require = ReturnType<typeof import('node:module').createRequire>

/**
 * Where an optional peer lies: what `require` finds from here, else from where the program runs, since a bundle has no node_modules beside it.
 * undefined: it is not installed. @throws what its resolution fails with otherwise
 */
export function findPeer (name: string): { readonly require: Require, readonly path: string } | undefined {
  const { createRequire } = process.getBuiltinModule('node:module')
  const here: string | undefined = import.meta.url // empty in a bundle that is CommonJS
  for (const from of [here, `${process.cwd()}/forkfs.js`]) {
    if (from === undefined) continue
    try {
      const path = createRequire(from).resolve(name)
      return { require: createRequire(path), path }
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return undefined
}
