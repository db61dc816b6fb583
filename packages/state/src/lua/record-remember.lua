-- Keeps a record, unless a newer one is there: of a later epoch, or of the same one with a higher sequence.
-- KEYS[1]  hash {epoch, sequence, record}
-- ARGV[1]  epoch
-- ARGV[2]  sequence in SYNC_RESULTS
-- ARGV[3]  the record, JSON
-- ARGV[4]  milliseconds to keep it
-- Returns  1 if kept, 0 if the one there is as new or newer
-- Numbers are whole and below 2^53, which Lua's doubles hold exactly.

local known = redis.call('HMGET', KEYS[1], 'epoch', 'sequence')
local epoch = tonumber(ARGV[1])
if known[1] then
  local knownEpoch = tonumber(known[1])
  if epoch < knownEpoch then
    return 0
  end
  if epoch == knownEpoch and tonumber(ARGV[2]) <= tonumber(known[2]) then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'sequence', ARGV[2], 'record', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
