-- Adds to a user's statistics.
-- KEYS: the user's. ARGV: for how long they are kept (ms), now; then, in turn, what is counted, and how much is added.

for at = 3, #ARGV, 2 do
    redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.call('HSET', KEYS[1], 'lastSeenMs', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
