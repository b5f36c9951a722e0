/** What mocha makes of the patterns that it is given: it only warns of one that matches nothing. */
import { createRequire } from 'node:module'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

type LookupFiles = (pattern: string, extensions: readonly string[], recursive: boolean) => string[]

const { lookupFiles } = createRequire(import.meta.url)('mocha/lib/cli/lookup-files.js') as { lookupFiles: LookupFiles }

/** The repository, from a file that was compiled to its dist/. */
export const repository = fileURLToPath(new URL('../../', import.meta.url))

/** The files of the repository that a pattern matches, in slashes. @throws Error where there are none */
export function filesOf (pattern: string): string[] {
  return lookupFiles(join(repository, pattern), ['.js'], false).map(file => relative(repository, file).replaceAll(sep, '/'))
}
