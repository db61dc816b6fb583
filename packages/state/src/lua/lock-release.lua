-- Gives a lock back, if it is still its holder's.
-- KEYS[1]  the lock
-- ARGV[1]  the holder's token
-- Returns  1 if released, 0 if the lock is gone or somebody else's

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
