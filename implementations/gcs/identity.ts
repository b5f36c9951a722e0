import { filled } from '../../lib/filesystem/option-values.js'
import type { Environment } from '../../lib/filesystem/option-values.js'
import type { CredentialPlan } from './options.js'

/**
 * The account of a plan, the name that tells identities apart without a secret; undefined where only asking would tell (users of `gcloud`, federated identities, the
 * metadata server, modules). Reads the file of a service account, which is small and on this machine.
 */
export function accountOf (plan: CredentialPlan, env: Environment = process.env): string | undefined {
  switch (plan.kind) {
    case 'key': return plan.key.client_email
    case 'file': return accountIn(plan.keyFilename)
    case 'default': return accountIn(filled(env['GOOGLE_APPLICATION_CREDENTIALS']))
    default: return undefined
  }
}

function accountIn (file: string | undefined): string | undefined {
  if (file === undefined) return undefined
  try {
    const { type, client_email: email } = JSON.parse(process.getBuiltinModule('node:fs').readFileSync(file, 'utf8')) as { readonly type?: unknown, readonly client_email?: unknown }
    return type === 'service_account' && typeof email === 'string' ? email : undefined
  } catch {
    return undefined // the first request says what is wrong with it
  }
}
