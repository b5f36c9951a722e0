/** Whose keys an instance uses, as far as that can be said without a secret: what is sent along instead of them, and held against the keys of the receiver. */
import { FsError } from '../../lib/errors/fs-error.js'
import type { Withheld } from '../../lib/filesystem/descriptor.js'
import { environmentCredentials } from './options.js'
import type { CredentialPlan, Environment } from './options.js'
import type { Credentials } from './sign.js'

export interface SentIdentity {
  /** The name of the keys: these and no others. */
  readonly accessKeyId?: string | undefined
  /**
   * Keys whose name says nothing, because each resolution gives others: 'temporary' ones of the environment, or those of the SDK's chain ('chain'), of
   * which only asking would tell even that.
   */
  readonly keys?: 'temporary' | 'chain' | undefined
}

/** What an instance says of itself. Keys that were given can not be resolved anew: they have a name, temporary ones too. A profile and a module travel by their names. */
export function sentIdentity (plan: CredentialPlan, env: Environment = process.env): SentIdentity {
  if (plan.kind === 'static') return { accessKeyId: plan.credentials.accessKeyId }
  if (plan.kind === 'sdk' && plan.profile === undefined) return { keys: 'chain' }
  if (plan.kind !== 'environment') return {}
  const found = environmentCredentials(env)
  return found?.sessionToken === undefined ? { accessKeyId: found?.accessKeyId } : { keys: 'temporary' }
}

/** What the sender of an instance said; undefined where it said nothing, or there was none. */
export function receivedIdentity (withheld: Withheld | undefined): SentIdentity | undefined {
  const { accessKeyId, keys } = (withheld ?? {}) as SentIdentity
  return accessKeyId === undefined && keys === undefined ? undefined : { accessKeyId, keys }
}

/**
 * Long-term keys of this owner are somebody else's where the sender has temporary ones, and where it has those of its chain and these come from a
 * place that it had not: the environment, or a profile that is named here only. @throws FsError FORKFS_CREDENTIALS
 */
export function checkOwnKeys (sent: SentIdentity | undefined, plan: CredentialPlan, { accessKeyId, sessionToken }: Credentials): void {
  if (sent?.keys === undefined || sessionToken !== undefined) return
  const isChain = plan.kind === 'sdk' && (plan.profile === undefined || plan.profile === 'default')
  if (sent.keys === 'chain' && isChain) return
  const theirs = sent.keys === 'temporary' ? 'temporary keys' : 'keys of the SDK\'s chain'
  throw new FsError('FORKFS_CREDENTIALS', `the sender of this filesystem has ${theirs}, this owner's own are the long-term ${accessKeyId}: give it the same source of keys, or build the filesystem here`, { protocol: 's3' })
}
