import { join } from 'node:path'
import type { Place } from './place.js'
import { root, run } from './run.js'

/** publint and arethetypeswrong find nothing. */
export async function checkForm ({ tarball }: Place): Promise<void> {
  await run({ cwd: root }, process.execPath, join(root, 'node_modules', 'publint', 'src', 'cli.js'), '--strict')
  await run({ cwd: root }, process.execPath, join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js'), tarball, '--profile', 'esm-only', '--format', 'ascii')
  console.log('publint and arethetypeswrong find nothing')
}
