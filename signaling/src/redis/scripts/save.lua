-- Writes records of sessions, but none where a later owner's is there.
-- KEYS: for each, the session and its side of a match.
-- ARGV: the owner, how long sessions are kept (ms), how long matches are; for each, the epoch, the session, its side of a
-- match or nothing.
-- Replies for each {}, or {epoch, owner} of the later one. Of two with the same epoch, the first to write is the later one.

local owner, session_ttl, match_ttl = ARGV[1], ARGV[2], ARGV[3]

local function save(session, match, epoch, body, matched)
    local known = redis.call('HMGET', session, 'epoch', 'owner')
    local known_epoch = tonumber(known[1] or 0)
    if known_epoch == tonumber(epoch) and known[2] ~= owner then
        known_epoch = known_epoch + 1
    end
    if known_epoch > tonumber(epoch) then
        return { string.format('%.0f', known_epoch), known[2] }
    end
    redis.call('HSET', session, 'epoch', epoch, 'owner', owner, 'body', body)
    redis.call('PEXPIRE', session, session_ttl)
    if matched == '' then
        redis.call('DEL', match)
    else
        redis.call('SET', match, matched, 'PX', match_ttl)
    end
    return {}
end

local replies = {}
for at = 1, #KEYS / 2 do
    local session, match = KEYS[at * 2 - 1], KEYS[at * 2]
    replies[at] = save(session, match, ARGV[at * 3 + 1], ARGV[at * 3 + 2], ARGV[at * 3 + 3])
end
return replies
