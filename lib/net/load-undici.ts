type Undici = typeof import('undici')

/** What is used of undici for connections without a proxy. */
export type UndiciCore = Pick<Undici, 'Agent' | 'buildConnector'>

/**
 * The two files that requests need. The package as a whole brings fetch, WebSocket, mocks and, by asking for globals, Node's own copy of
 * undici: four times the time, in each worker anew (77 ms of CPU of 105 on two cores). Where a version has moved the files, the whole it is.
 */
export async function loadUndiciCore (): Promise<UndiciCore> {
  try {
    const [agent, connect] = await Promise.all([import('undici/lib/dispatcher/agent.js'), import('undici/lib/core/connect.js')])
    return { Agent: agent.default, buildConnector: connect.default }
  } catch {
    const { Agent, buildConnector } = await loadUndici()
    return { Agent, buildConnector }
  }
}

/** A main function of a startup snapshot has no import(); its working directory says where packages are. */
export async function loadUndici (): Promise<Undici> {
  try {
    return await import('undici')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING') throw error
    return process.getBuiltinModule('node:module').createRequire(`${process.cwd()}/snapshot.js`)('undici') as Undici
  }
}
