-- Notes that one person is never to be paired with another.
-- ARGV: who blocks, whom, now, how many blocks are kept: the oldest give way.

redis.call('ZADD', BLOCKS, 'NX', ARGV[3], ARGV[1] .. '|' .. ARGV[2])
redis.call('ZREMRANGEBYRANK', BLOCKS, 0, -1 - tonumber(ARGV[4]))
