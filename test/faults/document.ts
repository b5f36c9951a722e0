/** docs/errors.md: the region that is made from the table, and what holds it to the code. */
import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { faultsOf } from './faults.js'
import { faultTable, requestTable } from './table.js'
import type { Table } from './run.js'
import { openGcs, openHttp, openS3 } from './stores.js'
import type { Store } from './stores.js'
import type { StoreName, VerbForm } from './types.js'
import { levels, pages } from './verbs-listing.js'
import { looking, reading } from './verbs-reading.js'
import { ofBuckets, writesOfGcs, writesOfS3 } from './verbs-writing.js'

/** What is run on which store. */
export const plans: Readonly<Record<StoreName, { readonly title: string, readonly open: (heavy: boolean) => Promise<Store>, readonly verbs: readonly VerbForm[] }>> = {
  s3: { title: 'S3', open: openS3, verbs: [...looking, ...pages, ...ofBuckets, ...reading, ...writesOfS3] },
  gs: { title: 'GCS', open: openGcs, verbs: [...looking, ...pages, ...ofBuckets, ...reading, ...writesOfGcs] },
  http: { title: 'HTTP', open: heavy => openHttp(true, heavy), verbs: [...looking, ...levels, ...reading] },
  'http without ranges': { title: 'HTTP, from a server without ranges', open: heavy => openHttp(false, heavy), verbs: reading.filter(({ from }) => from === undefined) }
}

/** The folder of package.json, from wherever this was compiled to. */
export async function packageRoot (): Promise<string> {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (await access(join(folder, 'package.json')).then(() => true, () => false)) return folder
    if (folder === dirname(folder)) throw new Error('no package.json above this file')
  }
}

export async function documentPath (): Promise<string> { return join(await packageRoot(), 'docs', 'errors.md') }

const begin = '<!-- faults: made by `node dist/scripts/docs-errors.js`; do not edit -->'
const end = '<!-- end of faults -->'

export function sectionOf (store: StoreName, table: Table): string {
  return `### ${plans[store].title}\n\n${requestTable(table)}\n\n${faultTable(store, table.results)}\n`
}

/** How far the tests hold the tables to the code. */
function heldBy (): string {
  const core = [...new Set(Object.values(faultsOf).flat().filter(fault => fault.core === true).map(({ name }) => name))]
  return `What the tables say came out when each verb met each fault at each of its requests (\`npm run docs:errors\` writes them so). \`npm run test:systems\` holds them to the code: the
first verb that makes a kind of request meets every fault there, those after it only ${core.map(name => `"${name}"`).join(', ')}; of GCS, verbs that make the same
requests as one before them meet none. With \`FORKFS_TEST_FAULTS=all\` every verb meets every fault there, too. Requests of which a listing or a transfer makes several go wrong at the first of
them and at a later one ("second page", "between parts", "between calls"); of what moves mebibytes only the first two silences run out of time.
`
}

/** The text with another region of faults. */
export function withRegion (text: string, sections: readonly string[]): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error('docs/errors.md has no region of faults')
  return `${text.slice(0, from)}${begin}\n\n${heldBy()}\n${sections.join('\n')}\n${text.slice(to)}`
}

/** The tables of one store as they stand in the document: first the requests, then the faults. */
export async function readSection (store: StoreName): Promise<{ readonly requests: string, readonly faults: string }> {
  const text = await readFile(await documentPath(), 'utf8')
  const region = text.slice(text.indexOf(begin), text.indexOf(end))
  const section = region.split(/^### /m).find(part => part.startsWith(`${plans[store].title}\n`)) ?? ''
  const [, requests = '', faults = ''] = section.split('\n\n')
  return { requests: requests.trim(), faults: faults.trim() }
}
