/** The side of the process or thread that does what it is told: a message for each answer, and one of id 0 when it is ready. */
import { parentPort } from 'node:worker_threads'

export interface Reply { readonly id: number, readonly value?: unknown, readonly error?: { readonly code?: string | undefined, readonly message: string } }

/** Where the channel is closed nobody listens. */
export function tell (reply: Reply, sent: () => void = () => {}): void {
  if (parentPort !== null) {
    parentPort.postMessage(reply)
    sent()
  } else if (process.connected) {
    process.send!(reply, undefined, undefined, () => { sent() })
  }
}

/** @param after is called when the answer is on its way */
export function obey<C extends object> (perform: (command: C) => Promise<unknown>, after: (command: C) => void = () => {}): void {
  const answer = async (command: C & { readonly id: number }): Promise<void> => {
    const { id } = command
    const reply: Reply = await perform(command).then(value => ({ id, value }), (error: { code?: string }) => ({ id, error: { code: error.code, message: String(error) } }))
    tell(reply, () => { after(command) })
  }
  (parentPort ?? process).on('message', command => { void answer(command as C & { readonly id: number }) })
  tell({ id: 0 })
}
