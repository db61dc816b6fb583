-- Gives an unused token back. An unused probe lets the next one probe.
-- KEYS[1]    the vault's pause, as in pace-take
-- KEYS[2..]  the buckets that gave the token
-- ARGV[1]    '1' if it was a probe
-- ARGV[2..]  burst of each bucket
-- Returns    1

if ARGV[1] == '1' then
  if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('HSET', KEYS[1], 'probeUntil', '0')
  end
  return 1
end
for index = 2, #KEYS do
  local tokens = tonumber(redis.call('HGET', KEYS[index], 'tokens') or nil)
  if tokens then
    redis.call('HSET', KEYS[index], 'tokens', string.format('%.6f', math.min(tonumber(ARGV[index]), tokens + 1)))
  end
end
return 1
