/** What the tests of all implementations write and expect. */

export const KiB = 1024
export const MiB = 1024 * 1024

export { pattern } from '../conformance/bytes.js'

/** Fields of an FsError, for assert.rejects(). */
export function code (expected: string, more: Record<string, unknown> = {}): Record<string, unknown> { return { code: expected, ...more } }
