// D of the design: how long one write may take. Everything about exclusion is a multiple of it (DESIGN section 7).
export const WRITE_DEADLINE_MS = 10_000;
/** A lock outlives the write by far, so that a slow write still ends under it. */
export const LOCK_LEASE_MS = 3 * WRITE_DEADLINE_MS;
/** A write is only sent with this much of the lock left (hazard late-put-after-lock). */
export const LOCK_LEFT_MS_MIN = 2 * WRITE_DEADLINE_MS;
/** A command that has been in hand for no longer needs no second look whether it is the last of its key. */
export const FRESH_MS = 250;
/** Pages of /versions that are looked through, 25 a page; past them a look is incomplete (O13). */
export const VERSION_PAGES_MAX = 20;
/** Likewise where all versions have to be changed; 100,000 versions are more than any secret collects. */
export const LET_GO_PAGES_MAX = 4_000;
/** Plans of one command that may be overtaken before it is left to a later delivery. */
export const ROUNDS_MAX = 5;
/** While a name is being deleted or recovered in Key Vault, the write itself is the probe (reference: 4 to 130 s). */
export const CONFLICT_WAITS_MS = [2_000, 5_000, 10_000, 15_000] as const;
/** What is in no list of deleted secrets for so long has not been deleted a moment ago: it is gone. */
export const PURGE_LOOK_MS_MAX = 300_000;
/** After a lost answer the vault is asked at once whether the write landed; only if not, its deadline is waited out. */
export const UNCLEAR_LOOK_MS = 1_000;
/** Another sink works on the same name. */
export const LOCKED_RETRY_MS = 500;
/** A read and the command did not match: one of them is behind. */
export const BEHIND_RETRY_MS = 1_000;
/** What a pause has stopped is woken by its end; this is for the sink that did not see it. */
export const PAUSED_RETRY_MS = 300_000;
/** Two writes of a name in one second have no order (reference); what comes meanwhile is one wish (hazard same-second-puts). */
export const PUT_SPACING_MS = 2_000;
/** Key Vault's backup fails beyond 500 versions, and single ones can't be deleted (reference). */
export const VERSIONS_TO_WARN = 400;
export const BACKOFF_MS_MIN = 1_000;
export const BACKOFF_MS_MAX = 300_000;
/** A second look that could not be made when it was due. */
export const LATE_CHECK_RETRY_MS = 60_000;
