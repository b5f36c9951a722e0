/**
 * A packed block: one ArrayBuffer that travels between threads by transfer and is handed back for reuse. Words are 32 bits in
 * the machine's own order (both ends are one machine); every record begins on a multiple of 4 bytes.
 *
 *   block   magic, used bytes, flags, samples completed in it; then records
 *   name    tag, bytes, text                                   numbered from 0 in each block
 *   begin   tag, index, position low, position high, key bytes, key
 *   part    tag, number of its name, size, bytes here, data    the rest follows in `more` records of the next blocks
 *   more    tag, bytes here, data
 *   end     tag
 *   drop    tag                                                forget the sample that was begun
 *   whole   tag, index, position low, position high, size, bytes here, data    one part without key and name; ends the sample
 *
 * A sample may be spread over any number of blocks, so a block never has to fit a sample and none of its bytes are moved twice.
 */
export const magic = 0x666b7331
export const headerWords = 4
export const flagCompressed = 1

export const record = { name: 1, begin: 2, part: 3, more: 4, end: 5, drop: 6, whole: 7 } as const

export const twoTo32 = 0x1_0000_0000

/** Up to the next multiple of 4. */
export function align (bytes: number): number {
  return (bytes + 3) & ~3
}
