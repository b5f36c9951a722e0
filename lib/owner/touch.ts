import { utimes } from 'node:fs'
import { onReset } from './reset.js'

/** How often what names this owner is touched, so that others who can not look us up know that we live. */
export const touchMs = 60_000

const paths = new Set<string>()
let timer: NodeJS.Timeout | undefined

function touchAll (): void {
  const now = new Date()
  for (const path of paths) utimes(path, now, now, () => {}) // gone: its owner will notice
}

/** Touch the file once a minute until the returned function is called (idempotent), or a reset. Keeps no process alive. */
export function keepTouched (path: string): () => void {
  paths.add(path)
  timer ??= setInterval(touchAll, touchMs).unref()
  return () => {
    paths.delete(path)
    if (paths.size === 0) stop()
  }
}

function stop (): void {
  clearInterval(timer)
  timer = undefined
}

onReset(() => {
  paths.clear()
  stop()
  return {}
})
