import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { libraryUrl, peerUrl } from '../places.js'
import { median, meter } from '../meter.js'
import { sdk, undici } from '../subjects.js'
import type { Case, Sample, Stage } from '../types.js'
import { ratio, value, wallPerOp } from './goals.js'

const run = promisify(execFile)

function moduleUrl (subject: string, cache: string): string {
  switch (subject) {
    case 'forkfs': return libraryUrl('index')
    case 'sdk': return peerUrl('@aws-sdk/client-s3', cache)
    default: return peerUrl('undici', cache)
  }
}

const nothing = new URL('../nothing.js', import.meta.url).href

/** Each import in a process of its own: a module is loaded once. Behind another one, as in any program that is a file itself. */
async function measure (subject: string, { cache, quick }: Stage): Promise<Sample> {
  const url = moduleUrl(subject, cache)
  const program = `await import(${JSON.stringify(nothing)}); const start = performance.now(); await import(${JSON.stringify(url)}); process.stdout.write(String(performance.now() - start))`
  const once = async (): Promise<number> => Number((await run(process.execPath, ['--input-type=module', '-e', program])).stdout)
  await once()
  const done = meter()
  const times: number[] = []
  for (let count = quick ? 3 : 9; count > 0; count--) times.push(await once())
  return { ...done({ ops: 1 }), wallMs: median(times), cpuMs: 0 }
}

export const importTime: Case = {
  name: 'import-time',
  title: 'Importing',
  how: () => 'One `import()` in a fresh process that has imported a file of its own before, as programs have; the median of nine processes per round.',
  unit: 'ms',
  op: 'import',
  baseline: 'sdk',
  subjects: [{ id: 'forkfs', label: 'forkfs, with its local, memory, HTTP and S3 classes' }, { ...undici, label: 'undici' }, { ...sdk, label: '@aws-sdk/client-s3' }],
  goals: [
    value('importing forkfs', 'forkfs', wallPerOp, 'ms', '<= 15'),
    ratio('… against the SDK', 'forkfs', 'sdk', wallPerOp),
    ratio('… against undici', 'forkfs', 'undici', wallPerOp)
  ],
  measure
}
