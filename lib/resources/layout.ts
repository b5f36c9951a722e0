import { forkfsPath, isMoved, temporaryParent } from '../owner/private-directory.js'

/**
 * `<parent>/forkfs-<uid>/roots/<owner>-<random>/owner.json` and the contexts beside it; `/journal/<owner>-<random>.jsonl`;
 * `/locks/`; `/sweep/`, held by whoever sweeps.
 */
export const rooms = { roots: 'roots', journal: 'journal', locks: 'locks', sweep: 'sweep' } as const

export const ownerFile = 'owner.json'
export { unfinished } from '../owner/owner-files.js'
/** How names of what is being removed begin. */
export const trash = '.trash-'

/** Memory that looks like a disk. */
export const sharedMemory = '/dev/shm'

/** Where roots may lie: those of others are found here, though this process has none. */
export function knownParents (): string[] {
  const parent = temporaryParent()
  return process.platform === 'linux' && !isMoved() ? [parent, sharedMemory] : [parent]
}

export function knownBases (): string[] { return [...new Set(knownParents())].map(parent => forkfsPath(parent)) }

/** pid.threadId.realm.epoch-random */
export const ownedPattern = /^(\d+)\.(\d+)\.[^/]+\.(\d+)-[0-9a-f]+(\.jsonl)?$/
