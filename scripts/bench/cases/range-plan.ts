/** Which ranges are read, the same in every run and for every client. */
import { numbers } from '../meter.js'
import { rangeBytes } from '../sizes.js'
import type { Sizes } from '../types.js'

const MiB = 1024 * 1024

/** The default for a store that is far away; the loopback address would get the one for near ones. */
export const maxGap = 128 * 1024

export interface Range { readonly start: number, readonly end: number }

export function rangeWindows ({ bigBytes }: Sizes): number { return Math.max(1, Math.floor(bigBytes / (5 * MiB))) }

/** Uniform over the object, or in windows of 2 MiB: rows of a table, chunks of an array. */
export function planRanges (sizes: Sizes, clustered: boolean): Range[] {
  const { ranges, bigBytes } = sizes
  const random = numbers(42)
  const windows = Array.from({ length: rangeWindows(sizes) }, () => Math.floor(random() * (bigBytes - 2 * MiB)))
  return Array.from({ length: ranges }, (_, index) => {
    const start = clustered ? windows[index % windows.length]! + Math.floor(random() * (2 * MiB - rangeBytes)) : Math.floor(random() * (bigBytes - rangeBytes))
    return { start, end: start + rangeBytes }
  })
}

/** As Python takes them. */
export function startsAndEnds (wanted: readonly Range[]): { readonly starts: number[], readonly ends: number[] } {
  return { starts: wanted.map(({ start }) => start), ends: wanted.map(({ end }) => end) }
}
