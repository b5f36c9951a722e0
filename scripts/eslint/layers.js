// The layer rule of CONTRIBUTING.md: a room imports values only from rooms on lower layers (type-only imports are free).
import { posix, sep } from 'node:path'

const order = [
  ['lib/errors'],
  ['lib/owner'],
  ['lib/net', 'lib/cache', 'lib/resources', 'lib/locks'],
  ['lib/file'],
  ['lib/filesystem'],
  ['implementations'],
  ['lib/registry'],
  ['lib/workers', 'lib/streams'],
  ['lib/checkpoint', 'lib/memmap', 'lib/loader', 'lib/adapters'],
  ['lib/cli', 'lib/index']
]

/** The room a repository path lies in, with its layer; undefined outside lib/ and implementations/. */
export function roomOf (path) {
  for (let layer = 0; layer < order.length; layer++) {
    for (const room of order[layer]) {
      if (path === room || path.startsWith(room + '/') || path.startsWith(room + '.')) {
        return { layer, room: room === 'implementations' ? path.split('/').slice(0, 2).join('/') : room }
      }
    }
  }
  return undefined
}

const rule = {
  meta: { type: 'problem', schema: [], messages: { layer: '{{from}} may not import {{to}}: only lower layers (or type-only)' } },
  create (context) {
    const root = context.cwd.split(sep).join('/')
    const file = context.filename.split(sep).join('/').slice(root.length + 1)
    const from = roomOf(file)
    if (from === undefined) return {}
    const check = (node, source, typeOnly) => {
      if (typeOnly || typeof source !== 'string' || !source.startsWith('.')) return
      const to = roomOf(posix.join(posix.dirname(file), source))
      if (to === undefined || to.room === from.room || to.layer < from.layer) return
      context.report({ node, messageId: 'layer', data: { from: from.room, to: to.room } })
    }
    const allTypes = node => node.importKind === 'type' || node.exportKind === 'type'
    return {
      ImportDeclaration: node => check(node, node.source.value, allTypes(node)),
      ExportNamedDeclaration: node => { if (node.source != null) check(node, node.source.value, allTypes(node)) },
      ExportAllDeclaration: node => check(node, node.source.value, allTypes(node)),
      ImportExpression: node => check(node, node.source.value, false)
    }
  }
}

export const layers = { rules: { layers: rule } }
