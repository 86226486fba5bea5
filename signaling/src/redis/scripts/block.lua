-- Notes that one person is never to be paired with another. The oldest blocks give way.
local function block(by, of, now, room)
    redis.call('ZADD', BLOCKS, 'NX', now, by .. '|' .. of)
    redis.call('ZREMRANGEBYRANK', BLOCKS, 0, -1 - room)
    return {}
end
