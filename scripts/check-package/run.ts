/** What the checks of the package share: the repository, running a program, and several at once. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A program ends with its check: none of them may hang. */
const timeoutMs = 20 * 60_000

export interface RunOptions { readonly cwd: string, readonly env?: Readonly<Record<string, string>> }

/** @returns its standard output. @throws Error with all that it printed, where it fails */
export async function run ({ cwd, env }: RunOptions, command: string, ...args: readonly string[]): Promise<string> {
  const options = { cwd, maxBuffer: 64 * 1024 * 1024, timeout: timeoutMs, killSignal: 'SIGKILL', env: { ...process.env, npm_config_loglevel: 'error', ...env } } as const
  const { stdout } = await exec(command, args, options).catch((error: { stdout?: string, stderr?: string, killed?: boolean }) => {
    throw new Error(`${error.killed === true ? 'took too long: ' : ''}${command} ${args.join(' ')}\n${error.stdout ?? ''}${error.stderr ?? ''}`)
  })
  return stdout
}

/** Two at a time, in their order: CI has two processors. The first error is thrown when all that began have ended. */
export async function twoAtATime<T> (items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await task(item)
  }
  const ended = await Promise.allSettled([work(), work()])
  for (const result of ended) if (result.status === 'rejected') throw result.reason
}
