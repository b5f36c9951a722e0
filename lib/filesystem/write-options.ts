import { isRecord, kindOf } from '../errors/index.js'
import { expectInteger } from '../file/expect.js'
import type { WriteOptions } from './types.js'

/** Before anything is opened or sent. @throws TypeError, RangeError that name the option */
export function checkWriteOptions ({ flag, ifMatch, contentType, metadata, partBytes }: WriteOptions): void {
  if (flag !== undefined && flag !== 'w' && flag !== 'wx') throw new TypeError(`Expected \`flag\` to be 'w' or 'wx', got \`${String(flag)}\` (${typeof flag})`)
  checkText('ifMatch', ifMatch)
  checkText('contentType', contentType)
  if (partBytes !== undefined) expectInteger('partBytes', partBytes, 1)
  if (metadata === undefined) return
  if (!isRecord(metadata)) throw new TypeError(`Expected \`metadata\` to be an object of strings, got (${kindOf(metadata)})`)
  for (const [name, value] of Object.entries(metadata)) checkText(`metadata.${name}`, value)
}

/** What becomes a line of a head: a line break in it would be a line of somebody else's. */
export function checkText (name: string, value: unknown): void {
  if (value === undefined) return
  if (typeof value !== 'string') throw new TypeError(`Expected \`${name}\` to be a string, got (${kindOf(value)})`)
  if (/[\0\r\n]/.test(value)) throw new TypeError(`Expected \`${name}\` to be one line of text`)
}
