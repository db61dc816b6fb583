-- Takes a claimed item out, unless it was parked anew since.
-- KEYS[1]  sorted set: member = what is parked, score = due at, milliseconds since 1970
-- ARGV[1]  the member
-- ARGV[2]  the claim: the score that claiming gave it
-- Returns  1 if taken out, 0 if it is gone or parked anew

local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then
  return 0
end
return redis.call('ZREM', KEYS[1], ARGV[1])
