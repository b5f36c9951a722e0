/** Options that belong to this process alone: its program text, its inspector's port, its snapshot. */
const own = /^--(eval|print|input-type|inspect\S*|snapshot-blob|build-snapshot\S*|test|watch)(=|$)|^-[ep]+$|^-i$|^--interactive$/
const withValue = /^(-e|-p|-pe|--eval|--print|--snapshot-blob|--input-type)$/

/** What a process of ours is started with, where the caller does not say. */
export function mirrored (execArgv: readonly string[]): string[] {
  const kept: string[] = []
  for (let index = 0; index < execArgv.length; index++) {
    const option = execArgv[index]!
    if (!own.test(option)) kept.push(option)
    else if (withValue.test(option)) index++
  }
  return kept
}

/** What has to run in a thread too. */
const preloading = /^(--(import|require|loader|experimental-loader|conditions)|-r|-C)(=|$)/

/**
 * A thread takes the options of this process over by itself, those of a program text (`node --input-type=module -e …`) included,
 * with which it could not load its entry. Then: what is loaded beforehand, and nothing else, because Node refuses options of a whole
 * process that are named for a thread. undefined: nothing stands in the way.
 */
export function threadArgv (execArgv: readonly string[]): string[] | undefined {
  const kept = mirrored(execArgv)
  if (kept.length === execArgv.length) return undefined
  return kept.flatMap((option, index) => {
    if (!preloading.test(option)) return []
    return option.includes('=') ? [option] : [option, kept[index + 1] ?? '']
  })
}
