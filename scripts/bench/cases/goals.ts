/** Numbers of a round that targets are about. */
import type { Goal, Round, Sample, Target } from '../types.js'

export function perSecond ({ ops, wallMs }: Sample): number { return ops / wallMs * 1000 }

export function cpuPerOp ({ ops, cpuMs }: Sample): number { return cpuMs / ops }

export function wallPerOp ({ ops, wallMs }: Sample): number { return wallMs / ops }

/** `metric` of one subject divided by that of another, in one round. */
export function ratio (text: string, of: string, to: string, metric: (sample: Sample) => number, target?: string): Goal {
  const value = (round: Round): number | undefined => {
    const [mine, other] = [round.get(of), round.get(to)]
    return mine === undefined || other === undefined ? undefined : metric(mine) / metric(other)
  }
  return { text, of: value, target: parseTarget(target), unit: 'x' }
}

export function value (text: string, of: string, metric: (sample: Sample) => number, unit: NonNullable<Goal['unit']>, target?: string): Goal {
  return { text, of: round => round.has(of) ? metric(round.get(of)!) : undefined, target: parseTarget(target), unit }
}

/** '>= 8' */
function parseTarget (text: string | undefined): Target | undefined {
  if (text === undefined) return undefined
  const [sign, number] = text.split(' ')
  return { sign: sign === '<=' ? '<=' : '>=', value: Number(number) }
}
