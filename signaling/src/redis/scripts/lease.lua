-- Renews a pod's lease, forgets leases of pods that are lost, and answers all leases.
-- KEYS: the hash of leases. ARGV: the pod, its lease; then, in turn, lost pods and their leases as they were seen last.
-- Replies {the pod's lease before, seconds, microseconds, {pod, lease, pod, lease, ...}}.

local leases = KEYS[1]
local before = redis.call('HGET', leases, ARGV[1])
redis.call('HSET', leases, ARGV[1], ARGV[2])
for at = 3, #ARGV, 2 do
    if redis.call('HGET', leases, ARGV[at]) == ARGV[at + 1] then
        redis.call('HDEL', leases, ARGV[at])
    end
end
local time = redis.call('TIME')
return { before, time[1], time[2], redis.call('HGETALL', leases) }
