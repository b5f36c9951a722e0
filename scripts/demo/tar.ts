/** Writing tar: a ustar header per file, and a pax record in front of it where the name is longer than the header holds. */

const blockBytes = 512
const nameBytes = 100

/** Zeroes up to the next whole block. */
export function padding (size: number): Uint8Array {
  return new Uint8Array((blockBytes - size % blockBytes) % blockBytes)
}

/** What ends an archive. */
export const endOfArchive: Uint8Array = new Uint8Array(2 * blockBytes)

/** What stands in front of a file's bytes. `size` below 8 GiB. */
export function fileHeader (name: string, size: number): Uint8Array {
  if (Buffer.byteLength(name) <= nameBytes) return header(name, size, '0')
  const record = paxRecord('path', name)
  return Buffer.concat([header('PaxHeader', record.length, 'x'), record, padding(record.length), header(name.slice(-nameBytes / 4), size, '0')])
}

function header (name: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(blockBytes)
  block.write(name, 0, nameBytes, 'utf8')
  block.write('0000644\0', 100, 'latin1')
  block.write('0000000\0', 108, 'latin1')
  block.write('0000000\0', 116, 'latin1')
  block.write(`${octal(size, 11)}\0`, 124, 'latin1')
  block.write(`${octal(0, 11)}\0`, 136, 'latin1')
  block.write('        ', 148, 'latin1') // the checksum is taken over spaces in its own place
  block.write(type, 156, 'latin1')
  block.write('ustar\u000000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1')
  return block
}

function octal (value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

/** "length key=value\n", where the length counts its own digits. */
function paxRecord (key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest
  while (length !== rest + String(length).length) length = rest + String(length).length
  return Buffer.from(`${length} ${key}=${value}\n`)
}
