// Owns: what packages/state's Lua scripts do, said once more in TypeScript. Their heads are the description; a contract
// test runs both on the same calls.
import type { RedisModel } from "./redis.ts";

type Arg = string | number;
type Script = (redis: RedisModel, keys: readonly string[], args: readonly Arg[]) => unknown;

const GROW_MS = 200_000;
const PROBE_MS = 15_000;
const PROBE_POLL_MS = 250;
const PAUSE_MS_MAX = 3_600_000;
const PAUSE_MS = 2_000;
const PAUSE_MS_LONGEST = 60_000;
const FACTOR_MIN = 0.0625;
const GRACE_MS = 150;
const BULK_SHARE = 0.25;
const IDLE_MS = 3_600_000;
const KEEP_MS = 7_200_000;
const OWED_S_MAX = 2;
const FREE_SHARE = 0.1;

function number(redis: RedisModel, key: string, field: string): number {
  return Number(redis.field(key, field) ?? 0) || 0;
}

function timeOf(redis: RedisModel, given: Arg | undefined): number {
  return given === undefined || given === "" ? redis.now : Number(given);
}

const take: Script = (redis, keys, args) => {
  const [pauseKey = "", ...bucketKeys] = keys;
  const now = timeOf(redis, args[1]);
  const wait = (ms: number, why: string) => ["wait", String(Math.max(1, Math.ceil(ms))), why];
  const granted = (probe: string) => ["granted", String(Math.round(now)), probe];
  let pausedUntil = number(redis, pauseKey, "pausedUntil");
  if (pausedUntil > 0) {
    if (pausedUntil - now > PAUSE_MS_MAX) {
      pausedUntil = now;
      redis.setFields(pauseKey, { pausedUntil: String(now) });
    }
    if (now < pausedUntil) return wait(pausedUntil - now, "paused");
    const probeUntil = number(redis, pauseKey, "probeUntil");
    if (now < probeUntil && probeUntil - now <= PROBE_MS)
      return wait(Math.min(PROBE_POLL_MS, probeUntil - now), "paused");
    redis.setFields(pauseKey, { probeAt: String(now), probeUntil: String(now + PROBE_MS) });
    return granted("1");
  }
  let factor = number(redis, pauseKey, "factor");
  if (factor <= 0) factor = 1;
  factor = Math.min(1, factor + Math.max(0, now - number(redis, pauseKey, "factorAt")) / GROW_MS);
  const live = args[0] === "live";
  let waitMs = 0;
  let why: string | undefined;
  const buckets = bucketKeys.map((key, index) => {
    const rate = (Number(args[2 * index + 2]) / 1000) * (index === 0 ? factor : 1);
    const burst = Number(args[2 * index + 3]);
    const at = number(redis, key, "at");
    let tokens = number(redis, key, "tokens");
    const liveUntil = number(redis, key, "liveUntil");
    const bulkUntil = number(redis, key, "bulkUntil");
    const credit = number(redis, key, "bulkCredit");
    if (at > 0) tokens = Math.min(burst, tokens + Math.max(0, now - at) * rate);
    const longest = 2 / rate + GRACE_MS + PROBE_POLL_MS;
    const liveWaits = now < liveUntil && liveUntil - now <= longest;
    const bulkWaits = now < bulkUntil && bulkUntil - now <= longest;
    const forOther = live ? bulkWaits && credit >= 1 : liveWaits && credit < 1;
    const short = (forOther ? 2 : 1) - tokens;
    if (short > 1e-9) {
      const ms = Math.min(short, 2) / rate;
      if (ms > waitMs) {
        waitMs = ms;
        why = forOther && tokens >= 1 ? "live-first" : "rate";
      }
    }
    return { key, tokens, liveUntil, bulkUntil, credit, liveWaits, bulkWaits };
  });
  for (const bucket of buckets) {
    let { tokens, liveUntil, bulkUntil, credit } = bucket;
    if (why !== undefined) {
      if (live) liveUntil = now + waitMs + GRACE_MS;
      else bulkUntil = now + waitMs + GRACE_MS;
    } else {
      tokens -= 1;
      if (live && bucket.bulkWaits) credit = Math.min(1, credit + BULK_SHARE);
      else if (!live && bucket.liveWaits) credit = Math.max(0, credit - 1);
    }
    redis.setFields(bucket.key, {
      tokens: String(tokens),
      at: String(now),
      liveUntil: String(liveUntil),
      bulkUntil: String(bulkUntil),
      bulkCredit: String(credit),
    });
    redis.expire(bucket.key, IDLE_MS);
  }
  return why === undefined ? granted("0") : wait(waitMs, why);
};

const giveBack: Script = (redis, keys, args) => {
  const [pauseKey = "", ...buckets] = keys;
  if (args[0] === "1") {
    if (redis.exists(pauseKey)) redis.setFields(pauseKey, { probeUntil: "0" });
    return 1;
  }
  for (const [index, key] of buckets.entries()) {
    const tokens = redis.field(key, "tokens");
    if (tokens !== undefined) {
      redis.setFields(key, { tokens: String(Math.min(Number(args[index + 1]), Number(tokens) + 1)) });
    }
  }
  return 1;
};

const charge: Script = (redis, keys, args) => {
  const now = timeOf(redis, args[0]);
  let charged = 0;
  for (const [index, key] of keys.entries()) {
    const tokens = redis.field(key, "tokens");
    if (tokens === undefined) continue;
    const rate = Number(args[index + 1]);
    const free = FREE_SHARE * rate;
    const known = Number(redis.field(key, "late") ?? free);
    const sinceMs = Math.max(0, now - Number(redis.field(key, "lateAt") ?? now));
    let late = Math.min(free, known + (sinceMs * free) / 1_000);
    if (late >= 1) late -= 1;
    else {
      redis.setFields(key, { tokens: String(Math.max(-OWED_S_MAX * rate, Number(tokens) - 1)) });
      charged = 1;
    }
    redis.setFields(key, { late: String(late), lateAt: String(now) });
  }
  return charged;
};

const throttled: Script = (redis, keys, args) => {
  const [pauseKey = "", ...buckets] = keys;
  const now = timeOf(redis, args[3]);
  const pausedUntil = number(redis, pauseKey, "pausedUntil");
  let pauseMs = number(redis, pauseKey, "pauseMs");
  const grantedAt = Number(args[0]);
  let halved = "0";
  let factor = number(redis, pauseKey, "factor");
  if (pausedUntil > 0) {
    if (args[1] !== "1" || grantedAt < number(redis, pauseKey, "probeAt")) return ["ignored"];
    pauseMs = Math.min(PAUSE_MS_LONGEST, pauseMs * 2);
  } else {
    const endedAt = number(redis, pauseKey, "endedAt");
    if (grantedAt <= endedAt && endedAt <= now) return ["ignored"];
    if (factor <= 0) factor = 1;
    factor = Math.min(1, factor + Math.max(0, now - number(redis, pauseKey, "factorAt")) / GROW_MS);
    factor = Math.max(FACTOR_MIN, factor / 2);
    pauseMs = PAUSE_MS;
    halved = "1";
  }
  const lasts = Math.min(PAUSE_MS_MAX, Math.max(pauseMs, Number(args[2]) || 0));
  redis.setFields(pauseKey, {
    pausedUntil: String(Math.round(now + lasts)),
    pauseMs: String(Math.round(pauseMs)),
    probeUntil: "0",
    ...(halved === "1" ? { factor: String(factor), factorAt: String(Math.round(now)) } : {}),
  });
  redis.expire(pauseKey, KEEP_MS + lasts);
  redis.delete(...buckets);
  return ["paused", String(Math.round(lasts)), halved];
};

const probed: Script = (redis, [pauseKey = ""], args) => {
  const now = timeOf(redis, args[0]);
  if (number(redis, pauseKey, "pausedUntil") <= 0) return 0;
  const at = String(Math.round(now));
  redis.setFields(pauseKey, { pausedUntil: "0", probeUntil: "0", endedAt: at, factorAt: at });
  return 1;
};

const remember: Script = (redis, [key = ""], [epoch = 0, sequence = 0, record = "", keepMs = 0]) => {
  const knownEpoch = redis.field(key, "epoch");
  if (knownEpoch !== undefined) {
    if (Number(epoch) < Number(knownEpoch)) return 0;
    const isSame = Number(epoch) === Number(knownEpoch);
    if (isSame && Number(sequence) <= Number(redis.field(key, "sequence"))) return 0;
  }
  redis.setFields(key, { epoch: String(epoch), sequence: String(sequence), record: String(record) });
  redis.expire(key, Number(keepMs));
  return 1;
};

/** By the name under which packages/state defines them. */
export const SCRIPTS: Readonly<Record<string, { readonly keys: number | undefined; readonly run: Script }>> =
  {
    "lock-extend": {
      keys: 1,
      run: (redis, [key = ""], [token, ms]) =>
        redis.text(key) === token ? Number(redis.expire(key, Number(ms))) : 0,
    },
    "lock-release": {
      keys: 1,
      run: (redis, [key = ""], [token]) => (redis.text(key) === token ? redis.delete(key) : 0),
    },
    "record-remember": { keys: 1, run: remember },
    "later-claim": {
      keys: 1,
      run(redis, [key = ""], [now = 0, limit = 0, visibleMs = 0]) {
        const due = redis.upTo(key, Number(now), Number(limit));
        for (const member of due) redis.setScore(key, member, Number(now) + Number(visibleMs));
        return due;
      },
    },
    "later-unpark": {
      keys: 1,
      run: (redis, [key = ""], [member = "", claim]) =>
        redis.score(key, String(member)) === Number(claim) ? redis.removeMember(key, String(member)) : 0,
    },
    "attempts-count": {
      keys: 1,
      run(redis, [key = ""], [fence = "", keepMs = 0]) {
        const known =
          redis.field(key, "fence") === String(fence) ? Number(redis.field(key, "count") ?? 0) : 0;
        redis.setFields(key, { fence: String(fence), count: String(known + 1) });
        redis.expire(key, Number(keepMs));
        return known + 1;
      },
    },
    "pace-take": { keys: undefined, run: take },
    "pace-give-back": { keys: undefined, run: giveBack },
    "pace-charge": { keys: undefined, run: charge },
    "pace-throttled": { keys: undefined, run: throttled },
    "pace-probed": { keys: 1, run: probed },
  };
