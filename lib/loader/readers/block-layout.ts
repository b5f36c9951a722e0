/**
 * A packed block: a table, one ArrayBuffer of records, and often the buffer that was read from the shard, in which the bytes lie that
 * the records speak of. Both travel between threads by transfer and are handed back for reuse. Words are 32 bits in the machine's own
 * order (both ends are one machine); every record begins on a multiple of 4 bytes.
 *
 *   table   magic, used bytes, flags, samples completed in it; then records
 *   name    tag, bytes, text                                   numbered from 0 in each table
 *   begin   tag, index, position low, position high, key bytes, key
 *   part    tag, number of its name, size, bytes here, where   the rest follows in `more` records, here or in the next blocks
 *   more    tag, bytes here, where
 *   end     tag
 *   drop    tag                                                forget the sample that was begun
 *   whole   tag, index, position low, position high, size, bytes here, where    one part without key and name; ends the sample
 *
 * where: offset in the buffer that comes with the table; or `inline`, and the bytes follow the record: those that were not read from the
 * shard as they are (uncompressed here, put together from two reads) or whose buffer the reader could not give away.
 * A sample may be spread over any number of blocks, so a block never has to fit a sample and none of its bytes are moved twice.
 */
export interface PackedBlock {
  readonly table: ArrayBuffer
  readonly data: ArrayBuffer | undefined
}

export const magic = 0x666b7332
export const headerWords = 4
export const flagCompressed = 1

export const record = { name: 1, begin: 2, part: 3, more: 4, end: 5, drop: 6, whole: 7 } as const

/** In place of an offset. */
export const inline = 0xffff_ffff

export const twoTo32 = 0x1_0000_0000

/** Up to the next multiple of 4. */
export function align (bytes: number): number {
  return (bytes + 3) & ~3
}

/** A block as it travels beside a message. */
export function toBuffers ({ table, data }: PackedBlock): ArrayBuffer[] {
  return data === undefined ? [table] : [table, data]
}

export function bytesOf ({ table, data }: PackedBlock): number {
  return table.byteLength + (data?.byteLength ?? 0)
}
