import { realm } from '../../../lib/owner/index.js'
import { importForkfs } from '../places.js'
import { meter } from '../meter.js'
import type { Case, Round, Sample, Stage } from '../types.js'

/** The work behind the check: too little to hide it, enough that the loop is not thrown away. */
class Unchecked {
  #total = 0
  verb (value: number): number {
    this.#total += value & 7
    return this.#total
  }
}

class Checked {
  #total = 0
  #epoch = realm.epoch
  verb (value: number): number {
    if (this.#epoch !== realm.epoch) this.#adopt()
    this.#total += value & 7
    return this.#total
  }

  #adopt (): void { this.#epoch = realm.epoch }
}

function loop (subject: { verb (value: number): number }, count: number): number {
  let last = 0
  for (let index = 0; index < count; index++) last = subject.verb(index)
  return last
}

async function method (subject: Checked | Unchecked, { quick }: Stage): Promise<Sample> {
  loop(subject, 1_000_000)
  const ops = quick ? 20_000_000 : 200_000_000
  const done = meter()
  if (loop(subject, ops) < 1) throw new Error('Expected the loop to run')
  return done({ ops })
}

/** A whole verb over a hook that does nothing: what the check is a part of. */
async function verb ({ quick }: Stage): Promise<Sample> {
  const { FileSystem } = await importForkfs()
  const info = Promise.resolve({ name: 'a', size: 1, type: 'file' } as const)
  class Nothing extends FileSystem {
    static override readonly protocols: readonly string[] = ['nothing']
    get capabilities (): never { throw new Error('nobody asks') }
    protected override _info (): typeof info { return info }
    protected override async *_list (): AsyncGenerator<never, void, undefined> {}
    protected override _readRange (): Promise<never> { return Promise.reject(new Error('nobody asks')) }
  }
  const fs = new Nothing()
  const run = async (count: number): Promise<void> => { for (let index = 0; index < count; index++) await fs.info('a') }
  await run(50_000)
  const ops = quick ? 100_000 : 1_000_000
  const done = meter()
  await run(ops)
  return done({ ops })
}

function nanoseconds ({ wallMs, ops }: Sample): number { return wallMs * 1e6 / ops }

function check (round: Round): number | undefined {
  const [checked, unchecked] = [round.get('checked'), round.get('unchecked')]
  return checked === undefined || unchecked === undefined ? undefined : Math.max(0, nanoseconds(checked) - nanoseconds(unchecked))
}

export const ownerCheck: Case = {
  name: 'owner-check',
  title: 'The owner check in front of a verb',
  how: () => 'A method that compares its epoch with the realm\'s before its work and one that does not, called in a loop; the check is the difference. For scale: a whole `info()` over a hook that returns a settled promise.',
  unit: 'ns',
  op: 'call',
  baseline: 'unchecked',
  subjects: [
    { id: 'unchecked', label: 'method without the check' },
    { id: 'checked', label: 'method with the check' },
    { id: 'verb', label: 'a whole `info()` that does nothing' }
  ],
  goals: [{ text: 'owner check, per call', of: check, target: { sign: '<=', value: 20 }, unit: 'ns' }],
  measure: (subject, stage) => subject === 'verb' ? verb(stage) : method(subject === 'checked' ? new Checked() : new Unchecked(), stage)
}
