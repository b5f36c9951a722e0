/** How the entry file knows that it runs as a tracker, and where it listens. */
export const trackerMark = 'forkfs-tracker'
export const trackerFd = 3

/** What workers ask their parent for. */
export const trackerService = 'forkfs.tracker'
