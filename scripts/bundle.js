// What is published: one file per public entry and shared chunks between them, made from what tsc wrote, without comments
// (types have them). Loading a hundred small modules costs five times the time of loading a few, and every worker pays it anew.
import { rm } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { fileURLToPath } from 'node:url'
import { rollup } from '@rollup/wasm-node'
import { minify } from 'terser'

const root = fileURLToPath(new URL('../dist/', import.meta.url))
const out = `${root}package`

/** Public entries, and files that code finds beside itself by import.meta.url. They lie flat, as the chunks do. */
const entries = {
  index: 'lib/index.js',
  local: 'implementations/local/index.js',
  memory: 'implementations/memory/index.js',
  http: 'implementations/http/index.js',
  s3: 'implementations/s3/index.js',
  gcs: 'implementations/gcs/index.js',
  checkpoint: 'lib/checkpoint/index.js',
  memmap: 'lib/memmap/index.js',
  loader: 'lib/loader/index.js',
  workers: 'lib/workers/index.js',
  streams: 'lib/streams/index.js',
  register: 'lib/registry/register.js',
  revive: 'lib/registry/revive.js',
  bootstrap: 'lib/workers/bootstrap.js',
  'worker-side': 'lib/loader/worker-side.js',
  'loader-bootstrap': 'lib/loader/bootstrap.js',
  'tracker-process': 'lib/resources/tracker-process.js',
  testing: 'test/servers/index.js',
  child: 'test/servers/child.js',
  conformance: 'test/conformance/index.js',
  'conformance-child': 'test/conformance/harnesses/conformance-child.js'
}

const builtins = new Set(builtinModules)
const isExternal = id => id.startsWith('node:') || builtins.has(id) || !(id.startsWith('.') || id.startsWith('/'))

/** Names of functions, classes and properties stay as they are and lines short: stack traces must tell where. Those of variables cost every worker the time to read them. */
const slim = {
  name: 'slim',
  async renderChunk (code) {
    const { code: slimmed } = await minify(code, { module: true, compress: false, mangle: { toplevel: false, keep_classnames: true, keep_fnames: true }, format: { comments: /webpackIgnore/, max_line_len: 160 } })
    return { code: slimmed, map: null }
  }
}

/** The core is imported by every worker: a builtin taken from the process costs nothing, the module that Node makes for an `import` of it half a millisecond. */
const direct = {
  name: 'direct-builtins',
  renderChunk (code, chunk) {
    if (chunk.name !== 'core') return null
    return code.replace(/^import \{([^}]*)\} from '(node:[^']+)';$/gm, (_, names, id) => `const {${names.replaceAll(' as ', ': ')}} = process.getBuiltinModule('${id}');`)
  }
}

await rm(out, { recursive: true, force: true })
const bundle = await rollup({
  input: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, root + path])),
  external: isExternal,
  treeshake: { moduleSideEffects: id => !isExternal(id) },
  onwarn (warning) { throw new Error(`rollup: ${warning.message}`) }
})
await bundle.write({ dir: out, format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunk-[name]-[hash].js', minifyInternalExports: false, hoistTransitiveImports: false, manualChunks: id => id === `${root}lib/index.js` ? 'core' : undefined, plugins: [direct, slim] })
await bundle.close()
