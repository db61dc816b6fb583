-- Claims what is due. A claimed item stays in the set, due again when its claim ends, so that a claimer that dies
-- loses nothing.
-- KEYS[1]  sorted set: member = what is parked, score = due at, milliseconds since 1970
-- ARGV[1]  now, milliseconds since 1970
-- ARGV[2]  how many at most
-- ARGV[3]  how long a claim holds, milliseconds
-- Returns  the members

local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local hidden = string.format('%.0f', tonumber(ARGV[1]) + tonumber(ARGV[3]))
for _, member in ipairs(due) do
  redis.call('ZADD', KEYS[1], hidden, member)
end
return due
