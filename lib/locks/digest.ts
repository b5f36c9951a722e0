/** Of a name or key, for names of folders: 32 hex digits, the same in every process. */
export function digestOf (text: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex').slice(0, 32)
}
