/** How the entry file knows that it runs as a worker of ours. */
export const threadMark = '$forkfsWorker'
export const processMark = 'forkfs-worker'

/** Pipes of a worker process beside stdin, stdout and stderr. */
export const controlFd = 3
export const dataFd = 4
