-- Makes somebody the owner in a session's record, if its epoch has not changed.
-- KEYS: the session, its side of a match. ARGV: the epoch as it was read, the new epoch, the new owner. Replies as `load`, or
-- with nothing.

local known = redis.call('HMGET', KEYS[1], 'epoch', 'body')
if known[1] ~= ARGV[1] then
    return {}
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'owner', ARGV[3])
return { ARGV[2], ARGV[3], known[2], redis.call('GET', KEYS[2]) }
