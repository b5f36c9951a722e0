import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { repository } from '../patterns.js'
import { pinnedTypes } from './pinned-types.js'

const read = (path: string): string => readFileSync(path, 'utf8')
const { exports } = JSON.parse(read(join(repository, 'package.json'))) as { exports: Readonly<Record<string, string | { readonly types: string }>> }
const entries = Object.entries(exports).flatMap(([name, target]) => typeof target === 'string' ? [] : [[name.replace('.', 'forkfs'), join(repository, target.types)] as const])

const notPublic = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
const structured = ts.TypeFlags.Object | ts.TypeFlags.Intersection
const isPublic = ({ declarations = [] }: ts.Symbol): boolean => declarations.every(declaration => (ts.getCombinedModifierFlags(declaration) & notPublic) === 0)
/** Not of the platform: what an error or an array has anyway. */
const isOurs = ({ declarations = [] }: ts.Symbol): boolean => declarations.some(declaration => !declaration.getSourceFile().fileName.includes('/node_modules/'))
/** `__@asyncDispose@12` is the compiler's name of `[Symbol.asyncDispose]`, `__#8@#private` that of private fields. */
const nameOf = ({ escapedName }: ts.Symbol): string => String(escapedName).replace(/^__@(\w+)@\d+$/, '[Symbol.$1]')

/** What can stand after the dot, of a union its words as well. Of FileSystem the hooks, too: implementations stand on them. */
function membersOf (checker: ts.TypeChecker, type: ts.Type, hooks: boolean): string[] {
  const names = new Set<string>()
  for (const part of type.isUnion() ? type.types : [type]) {
    if (part.isStringLiteral()) names.add(`'${part.value}'`)
    if ((part.flags & structured) === 0) continue
    for (const member of checker.getPropertiesOfType(part)) {
      const name = nameOf(member)
      if (isOurs(member) && name !== 'prototype' && !name.includes('@#') && (isPublic(member) || (hooks && name.startsWith('_') && !name.startsWith('__')))) names.add(name)
    }
  }
  return [...names].sort()
}

/** All types of all entries, each with its members; of a class that extends one of `bases`, those that it adds. */
function typesOf (program: ts.Program, bases: readonly string[]): Record<string, string> {
  const checker = program.getTypeChecker()
  const types = new Map<string, { readonly symbol: ts.Symbol, readonly type: ts.Type }>()
  for (const [entry, file] of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)
    for (const exported of module === undefined ? [] : checker.getExportsOfModule(module)) {
      const symbol = (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported)
      if ((symbol.flags & ts.SymbolFlags.Type) !== 0) types.set(`${entry} ${exported.name}`, { symbol, type: checker.getDeclaredTypeOfSymbol(symbol) })
    }
  }
  return Object.fromEntries([...types].map(([name, { symbol, type }]) => {
    const isClass = (symbol.flags & ts.SymbolFlags.Class) !== 0
    const base = bases.find(each => isClass && each !== name && checker.isTypeAssignableTo(type, types.get(each)!.type))
    const all = (of: { readonly symbol: ts.Symbol, readonly type: ts.Type }, hooks: boolean): string[] => [
      ...membersOf(checker, of.type, hooks), ...isClass ? membersOf(checker, checker.getTypeOfSymbol(of.symbol), false).map(member => `static.${member}`) : []
    ]
    const inherited = base === undefined ? [] : all(types.get(base)!, false)
    return [name, all({ symbol, type }, bases.includes(name)).filter(member => !inherited.includes(member)).join(' ')]
  }))
}

describe('the public types', () => {
  it('and their members are these', function () {
    this.timeout(60_000) // a whole program
    const { config } = ts.readConfigFile(join(repository, 'tsconfig.json'), read) as { config: { compilerOptions: object } }
    const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noEmit: true }, repository)
    const found = typesOf(ts.createProgram(entries.map(([, file]) => file), options), ['forkfs FileSystem', 'forkfs FsError'])
    const pinned = Object.fromEntries(Object.entries(pinnedTypes).flatMap(([entry, text]) => text.trim().split(/\s*;\s*/).filter(line => line !== '').map(line => {
      const [name = '', members = ''] = line.split(/\s*:\s*/)
      return [`${entry} ${name}`, members.replace(/\s+/g, ' ')] as const
    })))
    assert.deepEqual(found, pinned)
  })
})
