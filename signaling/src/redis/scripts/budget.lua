-- Takes closes of connections from the budget of all pods.
-- KEYS: when the next connection may be closed, in microseconds. ARGV: how many are wanted, how many there are a second,
-- for how long the budget keeps what nobody takes, in microseconds. Replies how many are granted.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each = 1000000 / tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or now)
if due > now + each then
    -- Of a clock that went ahead of this one.
    due = now
end
due = math.max(due, now - tonumber(ARGV[3]))
local free = 0
if due <= now then
    free = math.floor((now - due) / each) + 1
end
local granted = math.min(free, tonumber(ARGV[1]))
if granted > 0 then
    redis.call('SET', KEYS[1], string.format('%.0f', due + granted * each), 'PX', 10000)
end
return granted
