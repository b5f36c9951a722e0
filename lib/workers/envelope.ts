/** Kinds of messages: the first item of each. */
export const requestKind = 0
export const answerKind = 1
export const failureKind = 2
export const noticeKind = 3

/** The notice of a process that has printed during a call, in front of its answer. */
export const printedVerb = 'printed'
/** The notice of a thread that printed something. */
export const outputVerb = 'output'

/**
 * What crosses a channel: flat, because a clone costs by its objects and names. Requests are answered once, under their id, by a value or
 * a failure; notices are not answered. `lent`: shared memory of ours among the arguments. `unread`: there was a value, and a part of it was
 * gone before it could be taken.
 */
export type Envelope =
  | readonly [kind: typeof requestKind, id: number, verb: string, body: unknown, lent?: readonly SharedArrayBuffer[]]
  | readonly [kind: typeof answerKind, id: number, value: unknown]
  | readonly [kind: typeof failureKind, id: number, error: unknown, unread?: boolean]
  | readonly [kind: typeof noticeKind, verb: string, body: unknown]
