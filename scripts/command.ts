/** What every program here does around its work. */

export interface Command<Options> {
  /** What went wrong, for "… failed". */
  readonly what: string
  readonly usage: string
  /** @returns undefined where the usage was asked for @throws Error that names the wrong argument */
  parse (args: readonly string[]): Options | undefined
  /** @returns the exit code */
  run (options: Options): Promise<number>
}

/** Exit codes: that of the work, 1 where it fails, 2 for wrong arguments, 0 for the usage. */
export async function runCommand<Options> ({ what, usage, parse, run }: Command<Options>): Promise<void> {
  let options: Options | undefined
  try {
    options = parse(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`)
    process.exitCode = 2
    return
  }
  if (options === undefined) {
    process.stdout.write(`${usage}\n`)
    process.exitCode = 0
    return
  }
  process.exitCode = await run(options).catch((error: unknown) => {
    process.stderr.write(`\n${what} failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    return 1
  })
}
