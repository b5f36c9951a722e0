/** docs/errors.md: the region that is made from the table, and what holds it to the code. */
import { access, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { faultTable, requestTable } from './table.js'
import type { Table } from './run.js'
import { openGcs, openHttp, openS3 } from './stores.js'
import type { Store } from './stores.js'
import type { StoreName, VerbForm } from './types.js'
import { looking, reading } from './verbs-reading.js'
import { ofBuckets, writesOfGcs, writesOfS3 } from './verbs-writing.js'

/** What is run on which store. */
export const plans: Readonly<Record<StoreName, { readonly title: string, readonly open: () => Promise<Store>, readonly verbs: readonly VerbForm[] }>> = {
  s3: { title: 'S3', open: openS3, verbs: [...looking, ...ofBuckets, ...reading, ...writesOfS3] },
  gs: { title: 'GCS', open: openGcs, verbs: [...looking, ...ofBuckets, ...reading, ...writesOfGcs] },
  http: { title: 'HTTP', open: () => openHttp(true), verbs: [...looking, ...reading] },
  'http without ranges': { title: 'HTTP, from a server without ranges', open: () => openHttp(false), verbs: reading.filter(({ from }) => from === undefined) }
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

/** The text with another region of faults. */
export function withRegion (text: string, sections: readonly string[]): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error('docs/errors.md has no region of faults')
  return `${text.slice(0, from)}${begin}\n\n${sections.join('\n')}\n${text.slice(to)}`
}

/** The tables of one store as they stand in the document: first the requests, then the faults. */
export async function readSection (store: StoreName): Promise<{ readonly requests: string, readonly faults: string }> {
  const text = await readFile(await documentPath(), 'utf8')
  const region = text.slice(text.indexOf(begin), text.indexOf(end))
  const section = region.split(/^### /m).find(part => part.startsWith(`${plans[store].title}\n`)) ?? ''
  const [, requests = '', faults = ''] = section.split('\n\n')
  return { requests: requests.trim(), faults: faults.trim() }
}
