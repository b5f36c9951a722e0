import { setTimeout as delay } from 'node:timers/promises'

/** Until the condition holds; false after the limit. Polled: nobody tells of the end of somebody else's process, or of what a server sees. */
export async function eventually (condition: () => boolean | Promise<boolean>, limitMs = 5000): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end; await delay(5)) {
    if (await condition()) return true
  }
  return condition()
}
