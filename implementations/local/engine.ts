import { mkdir, rename, rmdir, unlink, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { translated } from '../../lib/file/local.js'
import type { Verb } from '../../lib/filesystem/types.js'

/** What works on the files: loaded with the first call, importing forkfs must stay cheap. */
export { copyLocalFile as copy, localInfo as info, localList as list, openLocalWriter as openWriter, readLocalRange as readRange } from '../../lib/file/local.js'

export async function remove (paths: readonly string[], { signal }: Verb): Promise<void> {
  for (const path of paths) {
    signal?.throwIfAborted()
    await translated(path, () => unlink(path))
  }
}

export async function move (source: string, target: string, autoMkdir: boolean): Promise<void> {
  await translated(source, async () => {
    if (autoMkdir) await mkdir(dirname(target), { recursive: true })
    await rename(source, target)
  })
}

export async function makeDirectory (path: string, recursive: boolean): Promise<void> { await translated(path, () => mkdir(path, { recursive })) }
export async function removeDirectory (path: string): Promise<void> { await translated(path, () => rmdir(path)) }

export async function touch (path: string): Promise<void> {
  const now = new Date()
  await translated(path, () => utimes(path, now, now))
}
