import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import ts from 'typescript'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Every page for people: at the top, in docs/ and beside the implementations. */
const pages = [
  ...readdirSync(root).filter(name => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md')).map(name => `docs/${name}`),
  ...readdirSync(join(root, 'implementations')).map(name => `implementations/${name}/README.md`).filter(path => existsSync(join(root, path)))
]

/** Blocks of code that are no whole module, by page and first line, with the reason. */
const fragments: ReadonlyMap<string, string> = new Map<string, string>([])

/** What a block needs that is not here: a store, a program of its own, a test runner. The others are run. */
const elsewhere = /region:|https?:|s3:|filesystem\('s3'\)|import\.meta|describe/

interface Block { readonly page: string, readonly line: number, readonly language: string, readonly text: string }

function blocksOf (page: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly line: number, readonly language: string, readonly lines: string[] } | undefined
  for (const [index, line] of readFileSync(join(root, page), 'utf8').split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(line)
    if (fence === null) open?.lines.push(line)
    else if (open === undefined) open = { line: index + 1, language: fence[1]!.trim(), lines: [] }
    else {
      blocks.push({ page, line: open.line, language: open.language, text: open.lines.join('\n') })
      open = undefined
    }
  }
  assert.equal(open, undefined, `${page}: a block of code is not closed`)
  return blocks
}

/** GitHub's names for headings. */
function anchorsOf (page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, text = ''] of readFileSync(join(root, page), 'utf8').replace(/^```[^]*?^```/gm, '').matchAll(/^#+ +(.*)$/gm)) {
    const name = text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-')
    let anchor = name
    for (let copy = 1; anchors.has(anchor); copy++) anchor = `${name}-${copy}`
    anchors.add(anchor)
  }
  return anchors
}

const blocks = pages.flatMap(blocksOf)

/** All blocks in one program: each a module of its own at the root of the repository, where `forkfs` is the package itself. */
function problems (modules: ReadonlyMap<string, Block>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), path => readFileSync(path, 'utf8')) as { config: { compilerOptions: object } }
  const settings = { ...config.compilerOptions, noEmit: true, rootDir: undefined, outDir: undefined, noUnusedLocals: false, allowJs: true, checkJs: true }
  const { options } = ts.convertCompilerOptionsFromJson(settings, root)
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = path => modules.has(path) || fileExists(path)
  host.readFile = path => modules.get(path)?.text ?? readFile(path)
  host.getSourceFile = (path, settings, ...rest) => {
    const text = modules.get(path)?.text
    return text === undefined ? getSourceFile(path, settings, ...rest) : ts.createSourceFile(path, text, settings, true)
  }
  return ts.getPreEmitDiagnostics(ts.createProgram([...modules.keys()], options, host)).map(({ file, start = 0, messageText }) => {
    const { page, line } = modules.get(file?.fileName ?? '') ?? { page: file?.fileName ?? '', line: 0 }
    return `${page}:${line + 1 + (file?.getLineAndCharacterOfPosition(start).line ?? 0)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}

describe('the pages for people', () => {
  it('hold blocks of code that compile', function () {
    this.timeout(60_000) // a whole program
    const modules = new Map<string, Block>()
    const known = new Set<string>()
    for (const [index, block] of blocks.entries()) {
      if (block.language !== 'ts' && block.language !== 'js') continue
      const name = `${block.page}: ${block.text.split('\n')[0]!}`
      if (fragments.has(name)) known.add(name)
      else modules.set(join(root, `block-${index}.${block.language === 'ts' ? 'mts' : 'mjs'}`), { ...block, text: `${block.text}\nexport {}\n` })
    }
    assert.ok(modules.size >= 5)
    assert.deepEqual(problems(modules), [])
    assert.deepEqual([...fragments.keys()].filter(name => !known.has(name)), [], 'fragments that no page holds any more')
  })

  for (const block of blocks.filter(({ language, text }) => language === 'ts' && !elsewhere.test(text))) {
    it(`hold code that runs: ${block.page}, line ${block.line}`, async () => {
      const { outputText } = ts.transpileModule(block.text, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } })
      await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', outputText], { cwd: root, timeout: 20_000, killSignal: 'SIGKILL' })
    })
  }

  it('hold no code in a language that nothing checks', () => {
    const known = ['ts', 'js', 'sh', 'json', '']
    assert.deepEqual(blocks.filter(({ language }) => !known.includes(language)).map(({ page, line }) => `${page}:${line}`), [])
  })

  it('link to nothing that is not there', () => {
    const dead: string[] = []
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8').replace(/^```[^]*?^```/gm, '')
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue
        const [path = '', anchor] = target.split('#')
        const file = path === '' ? page : relative(root, resolve(root, dirname(page), path))
        const isThere = existsSync(join(root, file)) && (anchor === undefined || anchorsOf(file).has(anchor))
        if (!isThere) dead.push(`${page}: ${target}`)
      }
    }
    assert.deepEqual(dead, [])
  })
})
