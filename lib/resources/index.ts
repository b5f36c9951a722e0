/**
 * What has to go when its owner goes, however it goes. Internal: for the rooms above.
 *
 * temporaryContext      files and folders in a private root of this owner (0700, files 0600), removed together, youngest first
 * journalAdd, journalAddSync   what is left elsewhere (an upload's id) or must outlive us (a staged file), on disk before it is begun
 * handleLeftovers, sweep       the next process: removes the roots of dead owners, hands the entries of their journals to handlers by kind
 * tracker               a process that outlives us by a second and deletes named resources when we were killed; started when first used
 * releaseOwner          the parent: the same for one dead thread or child, now
 * deletePath, checkSpace       deleting what is busy for a moment; refusing what will not fit
 *
 * Order of the nets: close() → beforeExit and exit → parent (releaseOwner) → tracker → sweep at the next start. After resetForFork()
 * everything of the old epoch is forgotten: nothing is deleted here, another process's sweep does it when the process is dead.
 */
export { deletePath, retryDelete } from './delete.js'
export { checkSpace, freeBytes } from './space.js'
export { temporaryContext } from './temporary.js'
export type { TemporaryContext, TemporaryOptions } from './temporary.js'
export { journalAdd, journalAddSync } from './journal.js'
export type { JournalEntry, JournalTicket } from './journal.js'
export { handleLeftovers, sweep } from './sweep.js'
export type { Leftover, LeftoverHandler, SweepOptions, SweepReport } from './sweep.js'
export { tracker } from './tracker-client.js'
export type { TrackedKind, Tracker } from './tracker-client.js'
export { releaseOwner } from './release.js'
