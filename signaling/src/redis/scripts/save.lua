-- Writes a session's record, unless a later owner's is there.
-- KEYS: the session, its side of a match.
-- ARGV: the epoch, the owner, the session, how long it is kept (ms), its side of a match or nothing, how long that is kept.
-- Replies {}, or {epoch, owner} of the later one. Of two with the same epoch, the first to write is the later one.

local epoch, owner = tonumber(ARGV[1]), ARGV[2]
local known = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
local known_epoch = tonumber(known[1] or 0)
if known_epoch == epoch and known[2] ~= owner then
    known_epoch = epoch + 1
end
if known_epoch > epoch then
    return { string.format('%.0f', known_epoch), known[2] }
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'owner', owner, 'body', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if ARGV[5] == '' then
    redis.call('DEL', KEYS[2])
else
    redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
end
return {}
