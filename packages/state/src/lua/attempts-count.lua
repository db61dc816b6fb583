-- Counts an attempt. The count is of one fence; another fence starts anew.
-- KEYS[1]  hash {fence, count}
-- ARGV[1]  the fence, as text
-- ARGV[2]  milliseconds to keep the count after its last attempt
-- Returns  the attempts of this fence, this one included

if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'count', 0)
end
local count = redis.call('HINCRBY', KEYS[1], 'count', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return count
