-- Takes note of a token that was used late. One late token now and then changes nothing at the vault, as another one is late
-- when it would have been counted; many at once, out of a stall, come on top of what is taken now and would not fit into the
-- vault's window. Those are charged once more. The bucket may owe tokens by it, at most as many as two seconds give.
-- KEYS[1..]  the buckets that gave the token, as in pace-take: hash {tokens, at, late, lateAt, …}
-- ARGV[1]    now in milliseconds, or '' for Redis's own time
-- ARGV[2..]  rate per second of each bucket
-- Returns    1 if it was charged, 0 if not

local OWED_S_MAX = 2
local FREE_SHARE = 0.1        -- of the rate; of 28.5 a second some three are late for free, and three at once

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local charged = 0
for index = 1, #KEYS do
  local rate = tonumber(ARGV[index + 1])
  local free = FREE_SHARE * rate
  local values = redis.call('HMGET', KEYS[index], 'tokens', 'late', 'lateAt')
  local tokens, late, lateAt = tonumber(values[1] or nil), tonumber(values[2] or nil), tonumber(values[3] or nil)
  if tokens then
    late = math.min(free, (late or free) + math.max(0, now - (lateAt or now)) * free / 1000)
    if late >= 1 then
      late = late - 1
    else
      tokens = math.max(-OWED_S_MAX * rate, tokens - 1)
      redis.call('HSET', KEYS[index], 'tokens', string.format('%.6f', tokens))
      charged = 1
    end
    redis.call('HSET', KEYS[index], 'late', string.format('%.6f', late), 'lateAt', string.format('%.6f', now))
  end
end
return charged
