import { FsError } from './fs-error.js'
import type { ErrorCode, FsErrorFields, Retry } from './fs-error.js'

/** Node's error codes that have a condition of ours. Anything else keeps its code as the cause of FORKFS_BACKEND. */
const conditions: Readonly<Record<string, readonly [code: ErrorCode, condition: string, retry: Retry]>> = Object.freeze({
  ENOENT: ['ENOENT', 'no such file or directory', 'never'],
  EEXIST: ['EEXIST', 'it exists already', 'never'],
  EISDIR: ['EISDIR', 'it is a directory', 'never'],
  ENOTDIR: ['ENOTDIR', 'a part of the path is not a directory', 'never'],
  ENOTEMPTY: ['ENOTEMPTY', 'the directory is not empty', 'never'],
  EACCES: ['EACCES', 'permission denied', 'never'],
  EPERM: ['EACCES', 'operation not permitted', 'never'],
  EROFS: ['EROFS', 'the file system is read-only', 'never'],
  ENOSPC: ['ENOSPC', 'no space left on the device', 'never'],
  EDQUOT: ['ENOSPC', 'the disk quota is used up', 'never'],
  EFBIG: ['ENOSPC', 'the file would be larger than the system allows', 'never'],
  EINVAL: ['EINVAL', 'invalid argument', 'never'],
  ENAMETOOLONG: ['EINVAL', 'the name is too long', 'never'],
  ELOOP: ['EINVAL', 'too many symbolic links', 'never'],
  EMFILE: ['FORKFS_BACKEND', 'too many open files', 'may'],
  ENFILE: ['FORKFS_BACKEND', 'too many open files', 'may']
})

/** An Error with a string `code`, as node:fs and node:net give. */
export function isNodeError (error: unknown): error is NodeJS.ErrnoException {
  return typeof error === 'object' && error !== null && typeof (error as { code?: unknown }).code === 'string'
}

/** Translate what node:fs rejects with. Anything without a code (a TypeError, an abort reason) comes back untouched. */
export function fromNodeError (error: unknown, fields: FsErrorFields = {}): unknown {
  if (error instanceof FsError || !isNodeError(error) || error.syscall === undefined) return error
  const [code, condition, retry] = conditions[error.code ?? ''] ?? ['FORKFS_BACKEND', `the system answered ${error.code}`, 'never'] as const
  return new FsError(code, condition, { path: error.path, retry, ...fields, cause: error })
}
