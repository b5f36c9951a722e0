import { FsError } from '../errors/index.js'

function refusal (path: string): FsError {
  return new FsError('FORKFS_UNCLONEABLE', 'an open file can not be sent to another thread or process; send the filesystem and the path instead and open it there', { path })
}

/**
 * Make structured clone refuse an open file. Structured clone silently turns an object with private fields into an empty
 * one, but it reads own enumerable properties and lets what a getter throws reach the caller: this getter throws.
 */
export function refuseCloning (target: object, path: () => string): void {
  Object.defineProperty(target, '$forkfs', { enumerable: true, get (): never { throw refusal(path()) } })
}

/** For toJSON(): JSON has its own way around getters. */
export function refuseJson (path: string): never {
  throw refusal(path)
}
