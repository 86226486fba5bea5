-- Removes a session's record, unless a later owner's is there.
-- KEYS: the session, its side of a match. ARGV: the epoch.

if tonumber(redis.call('HGET', KEYS[1], 'epoch') or 0) <= tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[1], KEYS[2])
end
