import { LineParser } from './lines.js'
import { SampleError } from './sample-error.js'
import type { ParserSetup, ShardParser } from './types.js'

/** Lines, without the empty ones. The text is parsed once, where the value is wanted: see {@link parseJson}. */
export function jsonlParser (setup: ParserSetup): ShardParser {
  return new LineParser(setup, true)
}

/** @returns the value, or the error that names line and position; never throws */
export function parseJson (text: string, shard: string, index: number, position: number): { readonly value: unknown, readonly error: SampleError | undefined } {
  try {
    return { value: JSON.parse(text) as unknown, error: undefined }
  } catch {
    // the engine's message repeats the data, which may be private, and counts from the start of the line only
    return { value: undefined, error: new SampleError('the line is not JSON', { path: shard, position, line: index + 1 }) }
  }
}
