local now, longest, tickets, blocks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
sweep(now)
local replies, at = {}, 5
while at <= #ARGV do
    local request, reply = ARGV[at], nil
    if request == 'enter' then
        reply = enter(ARGV[at + 1], now, longest, tickets)
        at = at + 2
    elseif request == 'leave' then
        reply = leave(ARGV[at + 1], tonumber(ARGV[at + 2]), now)
        at = at + 3
    else
        reply = block(ARGV[at + 1], ARGV[at + 2], now, blocks)
        at = at + 3
    end
    table.insert(replies, reply)
end
return replies
