-- Gives a lock another lease, if it is still its holder's.
-- KEYS[1]  the lock
-- ARGV[1]  the holder's token
-- ARGV[2]  lease in milliseconds
-- Returns  1 if extended, 0 if the lock is gone or somebody else's

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
