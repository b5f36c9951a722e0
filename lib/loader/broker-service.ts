import { answerWorker } from '../owner/index.js'
import { serve } from '../workers/context.js'

/** Under this name workers of a loader ask their parent for what instances share: temporary credentials above all. */
export const brokerService = 'forkfs:broker'

let serving = false

/** Parent side, once per thread. */
export function serveBroker (): void {
  if (serving) return
  serving = true
  serve(brokerService, payload => {
    const { kind, payload: question } = payload as { readonly kind: string, readonly payload: unknown }
    return answerWorker(kind, question)
  })
}
