import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { filesOf, repository } from '../patterns.js'

const read = (path: string): string => readFileSync(join(repository, path), 'utf8')

/** The scripts of package.json that .ci/run calls and that call mocha, with its patterns. */
const suites: ReadonlyMap<string, readonly string[]> = (() => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
  const called = [...read('.ci/run').matchAll(/\bnpm (?:run )?(test[\w:]*)/g)].map(([, name = '']) => name)
  const patterns = (script: string): string[] => [...script.matchAll(/dist\/test\/[^\s"]*\.test\.js/g)].map(([pattern]) => pattern)
  return new Map(called.map(name => [name, patterns(scripts[name] ?? '')] as const).filter(([, found]) => found.length > 0))
})()

/** Every file of tests, by the name that it is compiled to. */
function tests (): string[] {
  const { include } = ts.parseConfigFileTextToJson('tsconfig.json', read('tsconfig.json')).config as { include: readonly string[] }
  return include.flatMap(folder => readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' }).map(path => `${folder}/${path.replaceAll('\\', '/')}`))
    .filter(path => path.endsWith('.test.ts')).map(path => `dist/${path.replace(/\.ts$/, '.js')}`)
}

describe('the scripts that CI runs', () => {
  it('hold no pattern that matches nothing', () => {
    assert.deepEqual([...suites.keys()], ['test', 'test:systems'])
    for (const pattern of [...suites.values()].flat()) assert.doesNotThrow(() => filesOf(pattern), pattern)
  })

  it('run every file of tests, each in one of them', () => {
    const matched = [...suites].flatMap(([name, patterns]) => [...new Set(patterns.flatMap(filesOf))].map(file => ({ name, file })))
    const strays = tests().map(file => [file, ...matched.filter(match => match.file === file).map(({ name }) => name)]).filter(({ length }) => length !== 2)
    assert.deepEqual(strays, [])
  })
})
