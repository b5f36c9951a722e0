/** Object stores read from Python: see workers/object_stores.py. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from './places.js'
import { bucket } from './sizes.js'
import { accessKeyId, region, secretAccessKey } from './subjects.js'
import type { Sample, Stage, Subject } from './types.js'

export type PythonLibrary = 's3fs' | 'gcsfs' | 'obstore-s3' | 'obstore-gcs'
export type PythonWork = 'small' | 'big' | 'list' | 'ranges'

/** What is done: keys to warm up with or to read in turn, one large object, half-open ranges of it. */
export interface PythonTask {
  readonly endpoint: string
  readonly inFlight?: number
  readonly keys?: readonly string[]
  readonly count?: number
  readonly key?: string
  readonly starts?: readonly number[]
  readonly ends?: readonly number[]
}

function needs (name: string): (stage: Stage) => string | undefined {
  return ({ pythonPackages }) => pythonPackages.includes(name) ? undefined : `no Python with ${name} (--install)`
}

export const s3fs: Subject = { id: 's3fs', label: 's3fs (Python)', missing: needs('s3fs') }
export const gcsfs: Subject = { id: 'gcsfs', label: 'gcsfs (Python)', missing: needs('gcsfs') }
export const obstore: Subject = { id: 'obstore', label: 'obstore (Python over Rust)', missing: needs('obstore') }

/** What Python measured of itself, its warm-up and start left out. @throws Error with the end of what it printed where it fails */
export async function runPython (library: PythonLibrary, work: PythonWork, { python }: Stage, task: PythonTask): Promise<Sample> {
  const child = spawn(python!, [join(root, 'scripts/bench/workers/object_stores.py'), library, work], { stdio: ['pipe', 'pipe', 'pipe'] })
  let [said, complained] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complained = (complained + text).slice(-4000) })
  child.stdin.on('error', () => {}) // whoever ends before it has read says why below
  child.stdin.end(JSON.stringify({ bucket, region, accessKeyId, secretAccessKey, inFlight: 64, ...task }))
  const [code] = await once(child, 'close') as [number | null]
  if (code !== 0) throw new Error(`${library} ended with ${code ?? 'a signal'}: ${/^[\w.]*(?:Error|Exception|Exit)\b.*$/m.exec(complained)?.[0] ?? ''}`)
  return JSON.parse(said) as Sample
}
