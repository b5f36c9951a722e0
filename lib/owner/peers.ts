type Require = ReturnType<typeof import('node:module').createRequire>

/** `require` from here, then from where the program runs: a bundle has no node_modules beside it. */
function requires (): Require[] {
  const { createRequire } = process.getBuiltinModule('node:module') // bundlers take an imported one for theirs
  const here: string | undefined = import.meta.url // empty in a bundle that is CommonJS
  return [here, `${process.cwd()}/forkfs.js`].flatMap(from => from === undefined ? [] : [createRequire(from)])
}

/** Where an optional peer lies; undefined: it is not installed. @throws what its resolution fails with otherwise */
export function findPeer (name: string): { readonly require: Require, readonly path: string } | undefined {
  for (const require of requires()) {
    try {
      const path = require.resolve(name)
      return { require: process.getBuiltinModule('node:module').createRequire(path), path }
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return undefined
}

/** What `use` makes of an optional peer without which things go on; undefined: it is not installed, or not for this system. */
export function usePeer<Peer, T> (name: string, use: (peer: Peer) => T): T | undefined {
  for (const require of requires()) {
    try {
      return use(require(name) as Peer)
    } catch { /* not there, or broken there */ }
  }
  return undefined
}
