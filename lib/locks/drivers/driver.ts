import type { OwnerFile } from '../../owner/owner-files.js'

/** Where one lock lives. */
export interface LockPlace {
  /** The lock's own folder, 0700. */
  readonly folder: string
  /** Secret of the lock directory: nobody else can compute the names that are made from it. */
  readonly secret: Uint8Array
  readonly name: string
}

/** What the kernel, or a file, holds for us. */
export interface Token {
  /** Where the file of the user is the lock itself. */
  readonly file?: OwnerFile
  release (): Promise<void>
  /** After a reset: synchronous, nothing of the file system is touched; only what the kernel holds is let go. */
  drop (): void
}

export interface LockDriver {
  readonly name: 'ofd' | 'socket' | 'owner-file'
  /** What all users of one lock must agree on: written into each user's file. */
  label (place: LockPlace): string
  /** Take it as soon as it is free. @returns undefined with `once` when it is not free now */
  take (place: LockPlace, signal: AbortSignal, once: boolean): Promise<Token | undefined>
}

/** How long to wait before the next try, growing; random, so that those who wait together do not come together. */
export function backoffMs (attempt: number): number {
  return Math.min(100, 4 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random())
}
