-- Takes note of a 429. Ten of one burst are one episode: it pauses the vault once and halves its rate once; the probe
-- that ends the pause may fail, which pauses again, longer, and halves nothing (hazard one-burst-ten-429).
-- KEYS[1]    the vault's pause, as in pace-take
-- KEYS[2..]  the vault's own buckets, emptied so that nothing bursts out of a pause
-- ARGV[1]    when the token was granted, milliseconds
-- ARGV[2]    '1' if it was a probe
-- ARGV[3]    Azure's Retry-After in milliseconds, or ''
-- ARGV[4]    now in milliseconds, or '' for Redis's own time
-- Returns    {'paused', milliseconds, '0' | '1' for halved} | {'ignored'}

local PAUSE_MS = 2000         -- Azure sends no Retry-After; its advice is 1, 2, 4, 8, 16 s
local PAUSE_MS_LONGEST = 60000
local PAUSE_MS_MAX = 3600000
local GROW_MS = 200000
local FACTOR_MIN = 0.0625     -- two creates a second still find out when the vault recovers
local KEEP_MS = 7200000

local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local values = redis.call('HMGET', KEYS[1], 'factor', 'factorAt', 'pausedUntil', 'pauseMs', 'probeAt', 'endedAt')
for index = 1, #values do
  values[index] = tonumber(values[index]) or 0
end
local factor, factorAt, pausedUntil, pauseMs, probeAt, endedAt = unpack(values)
local grantedAt = tonumber(ARGV[1])
local asked = tonumber(ARGV[3]) or 0
local halved = '0'

if pausedUntil > 0 then
  -- Only the probe that is out says something new; the others were sent before the pause.
  if ARGV[2] ~= '1' or grantedAt < probeAt then
    return { 'ignored' }
  end
  pauseMs = math.min(PAUSE_MS_LONGEST, pauseMs * 2)
else
  -- Sent before the last pause ended, and answered only now.
  if grantedAt <= endedAt and endedAt <= now then
    return { 'ignored' }
  end
  if factor <= 0 then
    factor = 1
  end
  factor = math.min(1, factor + math.max(0, now - factorAt) / GROW_MS)
  factor = math.max(FACTOR_MIN, factor / 2)
  pauseMs = PAUSE_MS
  halved = '1'
end

local lasts = math.min(PAUSE_MS_MAX, math.max(pauseMs, asked))
redis.call('HSET', KEYS[1], 'pausedUntil', string.format('%.0f', now + lasts),
  'pauseMs', string.format('%.0f', pauseMs), 'probeUntil', '0')
if halved == '1' then
  redis.call('HSET', KEYS[1], 'factor', string.format('%.6f', factor), 'factorAt', string.format('%.0f', now))
end
redis.call('PEXPIRE', KEYS[1], KEEP_MS + lasts)
for index = 2, #KEYS do
  redis.call('DEL', KEYS[index])
end
return { 'paused', string.format('%.0f', lasts), halved }
