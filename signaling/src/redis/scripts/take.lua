-- Makes somebody the owner in a session's record, if its epoch has not changed.
-- KEYS: the session, its side of a match. ARGV: the epoch as it was read, the new epoch, the new owner. Replies 1 or 0.

if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'owner', ARGV[3])
return 1
