-- Takes a token, or says how long to wait. The arithmetic of pacing is here and nowhere else, so that all sinks share it.
-- KEYS[1]    the vault's pause: hash {factor, factorAt, pausedUntil, pauseMs, probeAt, probeUntil, endedAt}
-- KEYS[2]    the vault's bucket of this kind: hash {tokens, at, liveUntil, bulkUntil, bulkCredit}
-- KEYS[3]    optional: the bucket of its rate group, which has to give a token too
-- ARGV[1]    lane: live | bulk
-- ARGV[2]    now in milliseconds, or '' for Redis's own time (a test passes it in)
-- ARGV[3..]  rate per second and burst of KEYS[2], then of KEYS[3]
-- Returns    {'granted', now, '0' | '1' for a probe} | {'wait', milliseconds, 'rate' | 'live-first' | 'paused'}
--
-- Time can step back when a replica is promoted: no elapsed time is ever negative, and no wait is longer than this
-- script would have set itself (hazard bucket-after-failover). Lost tokens are harmless, so a new bucket starts empty.

local GROW_MS = 200000        -- from nothing to the full rate; after a halving half of that (DESIGN: grows back)
local PROBE_MS = 15000        -- longer than a write takes; a prober that died is replaced after it
local PROBE_POLL_MS = 250     -- how often those look who wait for the probe
local PAUSE_MS_MAX = 3600000  -- the longest Retry-After that is taken at its word
local GRACE_MS = 150          -- a waiter counts as waiting this long after it should have come back
local BULK_SHARE = 0.25       -- bulk's credit per token of live while it waits: one token in five is bulk's
local IDLE_MS = 3600000       -- an unused bucket is dropped

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function exact(number)
  return string.format('%.6f', number)
end

local function read(key, ...)
  local values = redis.call('HMGET', key, ...)
  for index = 1, #values do
    values[index] = tonumber(values[index]) or 0
  end
  return values
end

local function wait(ms, why)
  return { 'wait', string.format('%.0f', math.max(1, math.ceil(ms))), why }
end

local function granted(probe)
  return { 'granted', string.format('%.0f', now), probe }
end

-- The pause: while it lasts nobody, after it one probe, after that everybody.
local pause = read(KEYS[1], 'factor', 'factorAt', 'pausedUntil', 'probeUntil')
local factor, factorAt, pausedUntil, probeUntil = pause[1], pause[2], pause[3], pause[4]
if pausedUntil > 0 then
  if pausedUntil - now > PAUSE_MS_MAX then
    pausedUntil = now
    redis.call('HSET', KEYS[1], 'pausedUntil', exact(now))
  end
  if now < pausedUntil then
    return wait(pausedUntil - now, 'paused')
  end
  if now < probeUntil and probeUntil - now <= PROBE_MS then
    return wait(math.min(PROBE_POLL_MS, probeUntil - now), 'paused')
  end
  redis.call('HSET', KEYS[1], 'probeAt', exact(now), 'probeUntil', exact(now + PROBE_MS))
  return granted('1')
end

if factor <= 0 then
  factor = 1
end
factor = math.min(1, factor + math.max(0, now - factorAt) / GROW_MS)

-- The buckets: refill all, then ask all.
local live = ARGV[1] == 'live'
local buckets = {}
local waitMs, why = 0, nil
for index = 2, #KEYS do
  local rate = tonumber(ARGV[2 * index - 1]) / 1000
  local burst = tonumber(ARGV[2 * index])
  if index == 2 then
    rate = rate * factor
  end
  local b = read(KEYS[index], 'tokens', 'at', 'liveUntil', 'bulkUntil', 'bulkCredit')
  local tokens, at, liveUntil, bulkUntil, credit = b[1], b[2], b[3], b[4], b[5]
  if at > 0 then
    tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
  end
  local longest = 2 / rate + GRACE_MS + PROBE_POLL_MS
  local liveWaits = now < liveUntil and liveUntil - now <= longest
  local bulkWaits = now < bulkUntil and bulkUntil - now <= longest
  -- Whom the next token is for, while both wait. A second token is anybody's: the one who is meant may be late.
  local short, forOther = 1 - tokens, false
  if live then
    forOther = bulkWaits and credit >= 1
  else
    forOther = liveWaits and credit < 1
  end
  if forOther then
    short = 2 - tokens
  end
  if short > 1e-9 then
    -- Of a bucket that owes tokens (pace-charge) no more is told than what `longest` allows for.
    local ms = math.min(short, 2) / rate
    if ms > waitMs then
      waitMs, why = ms, (forOther and tokens >= 1) and 'live-first' or 'rate'
    end
  end
  buckets[index] = { tokens, liveUntil, bulkUntil, credit, liveWaits, bulkWaits }
end

for index = 2, #KEYS do
  local tokens, liveUntil, bulkUntil, credit, liveWaits, bulkWaits = unpack(buckets[index])
  if why then
    if live then
      liveUntil = now + waitMs + GRACE_MS
    else
      bulkUntil = now + waitMs + GRACE_MS
    end
  else
    tokens = tokens - 1
    if live and bulkWaits then
      credit = math.min(1, credit + BULK_SHARE)
    elseif not live and liveWaits then
      credit = math.max(0, credit - 1)
    end
  end
  redis.call('HSET', KEYS[index], 'tokens', exact(tokens), 'at', exact(now), 'liveUntil', exact(liveUntil),
    'bulkUntil', exact(bulkUntil), 'bulkCredit', exact(credit))
  redis.call('PEXPIRE', KEYS[index], IDLE_MS)
end

if why then
  return wait(waitMs, why)
end
return granted('0')
