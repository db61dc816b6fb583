// Owns: the request limits of vaults and of the (subscription, region) groups they belong to.
import type { Operation } from "../wire/route.ts";
import { FixedWindow, SlidingWindow } from "./window.ts";
import type { RateWindow } from "./window.ts";

/** The two buckets of the service: making secrets, and everything else. */
export type Bucket = "create" | "other";

export interface LimitPolicy {
  readonly windowMs: number;
  readonly vaultCreates: number;
  readonly vaultOthers: number;
  /** Per (subscription, region): all vaults with the same `rateGroup` together. */
  readonly groupCreates: number;
  readonly groupOthers: number;
  readonly shape: "sliding" | "fixed";
  /** Whether a call that got a 429 uses up room too. Azure's pages contradict each other. */
  readonly countRejected: boolean;
  /** Sent with a 429 where given. Azure's seem to have none (reference: AzureSignTool #219). */
  readonly retryAfterSeconds: number | undefined;
}

/** Documented figures (service limits): 300 creates and 4,000 others per 10 s and vault, five times that a subscription. */
export const AZURE_LIMITS: LimitPolicy = {
  windowMs: 10_000,
  vaultCreates: 300,
  vaultOthers: 4_000,
  groupCreates: 1_500,
  groupOthers: 20_000,
  shape: "sliding",
  countRejected: false,
  retryAfterSeconds: undefined,
};

export type Admission =
  | { readonly kind: "admitted" }
  | { readonly kind: "throttled"; readonly reason: string; readonly scope: "vault" | "group" };

const ADMITTED: Admission = { kind: "admitted" };

/** Counts calls and says no. */
export class RateLimits {
  #policy: LimitPolicy | "off";
  #windows = new Map<string, RateWindow>();

  constructor(policy: LimitPolicy | "off") {
    this.#policy = policy;
  }

  get policy(): LimitPolicy | "off" {
    return this.#policy;
  }

  /** Puts other limits in force, with nothing counted yet. */
  setPolicy(policy: LimitPolicy | "off"): void {
    this.#policy = policy;
    this.reset();
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#windows.clear();
  }

  /** Lets a call in, or not. */
  admit(vault: string, group: string, operation: Operation, nowMs: number): Admission {
    const policy = this.#policy;
    if (policy === "off") return ADMITTED;
    const bucket = bucketOf(operation);
    const ofVault = this.#window(policy, "vault", vault, bucket);
    const ofGroup = this.#window(policy, "group", group, bucket);
    const vaultFits = ofVault.fits(nowMs);
    const fits = vaultFits && ofGroup.fits(nowMs);
    if (fits || policy.countRejected) {
      ofVault.count(nowMs);
      ofGroup.count(nowMs);
    }
    if (fits) return ADMITTED;
    return vaultFits
      ? { kind: "throttled", scope: "group", reason: "SubscriptionRequestTypeLimitReached" }
      : { kind: "throttled", scope: "vault", reason: "VaultRequestTypeLimitReached" };
  }

  /** Uses up room as another client of the same vault would. */
  consume(vault: string, group: string, bucket: Bucket, calls: number, nowMs: number): void {
    const policy = this.#policy;
    if (policy === "off") return;
    for (let call = 0; call < Math.min(calls, CONSUME_MAX); call += 1) {
      this.#window(policy, "vault", vault, bucket).count(nowMs);
      this.#window(policy, "group", group, bucket).count(nowMs);
    }
  }

  /** How much of each bucket of a vault is used now. */
  used(vault: string, nowMs: number): Readonly<Record<Bucket, number>> {
    const count = (bucket: Bucket): number => this.#windows.get(`vault ${bucket} ${vault}`)?.used(nowMs) ?? 0;
    return { create: count("create"), other: count("other") };
  }

  #window(policy: LimitPolicy, scope: "vault" | "group", owner: string, bucket: Bucket): RateWindow {
    const key = `${scope} ${bucket} ${owner}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const limit = limitOf(policy, scope, bucket);
    const made =
      policy.shape === "sliding"
        ? new SlidingWindow(limit, policy.windowMs)
        : new FixedWindow(limit, policy.windowMs);
    this.#windows.set(key, made);
    return made;
  }
}

/** More than any bucket holds: a larger wish fills it just the same. */
const CONSUME_MAX = 100_000;

/** A PUT makes a secret; whether a restore counts as one is not documented: it makes versions, so it is counted so. */
export function bucketOf(operation: Operation): Bucket {
  return operation === "set" || operation === "restore" ? "create" : "other";
}

function limitOf(policy: LimitPolicy, scope: "vault" | "group", bucket: Bucket): number {
  if (scope === "vault") return bucket === "create" ? policy.vaultCreates : policy.vaultOthers;
  return bucket === "create" ? policy.groupCreates : policy.groupOthers;
}
