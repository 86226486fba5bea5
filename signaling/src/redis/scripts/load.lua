-- Reads a session's record.
-- KEYS: the session, its side of a match. Replies {epoch, owner, session, side of a match}, each of them perhaps missing.

local known = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'body')
return { known[1], known[2], known[3], redis.call('GET', KEYS[2]) }
