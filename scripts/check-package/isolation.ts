import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addFixture } from './place.js'
import type { Place } from './place.js'
import { run } from './run.js'
import type { Tools } from './tools.js'

/** Module isolation of Jest and Vitest, in all its forms, breaks neither brands nor the realm nor revive(). */
export async function checkIsolation (place: Place, tools: Tools): Promise<void> {
  const { folder } = place
  await addFixture(place, 'isolation.js', 'isolation.test.js')
  await cp(join(folder, 'node_modules', 'forkfs'), join(folder, 'node_modules', 'forkfs-copy'), { recursive: true })
  await writeFile(join(folder, 'jest.config.json'), JSON.stringify({ transform: {}, testEnvironment: 'node', testMatch: ['**/isolation.test.js'] }))
  await run({ cwd: folder, env: { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' } }, process.execPath, tools.path('jest', 'bin', 'jest.js'), '--config', 'jest.config.json', '--runInBand')
  // `inline`: Vitest transforms and evaluates the package itself, instead of leaving it to Node.
  for (const [pool, inline] of [['threads', false], ['forks', true], ['vmThreads', true]] as const) {
    const test = { globals: true, include: ['isolation.test.js'], pool, server: { deps: { inline: inline ? ['forkfs'] : [] } } }
    await writeFile(join(folder, 'vitest.config.mjs'), `export default ${JSON.stringify({ test })}`)
    await run({ cwd: folder }, process.execPath, tools.path('vitest', 'vitest.mjs'), 'run', '--root', folder)
  }
  console.log('Jest and Vitest (threads, forks, vmThreads): their isolation breaks nothing')
}
