-- The probe got another answer than 429: the pause is over, at the halved rate, which grows back from here.
-- KEYS[1]  the vault's pause, as in pace-take
-- ARGV[1]  now in milliseconds, or '' for Redis's own time
-- Returns  1 if a pause ended, 0 if there was none

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

if (tonumber(redis.call('HGET', KEYS[1], 'pausedUntil') or nil) or 0) <= 0 then
  return 0
end
local at = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'pausedUntil', '0', 'probeUntil', '0', 'endedAt', at, 'factorAt', at)
return 1
