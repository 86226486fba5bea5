-- Puts a ticket and looks for a partner.
-- ARGV: the ticket, now, the longest wait, how many tickets there may be.
-- Replies {'waiting', position, estimate}, {'claimed', the partner's ticket}, {'full'}, or {'old'} to an earlier owner.

local ticket, now, longest, room = cjson.decode(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
sweep(now)
local before = ticket_of(ticket.session)
if before and before.epoch > ticket.epoch then
    return { 'old' }
elseif before then
    take(before)
elseif redis.call('HLEN', TICKETS) >= room then
    return { 'full' }
end
local waited = now - ticket.since
local found = partner(ticket, now)
if found then
    take(found.ticket)
    note_wait(ticket.criteria, waited)
    note_wait(found.ticket.criteria, now - found.ticket.since)
    return { 'claimed', found.text }
end
-- Who waits longer than usual may still wait as long again as half of that.
local estimate = math.min(math.max(usual(ticket.criteria) - waited, math.floor(waited / 2)), math.max(longest - waited, 0))
return { 'waiting', put(ticket, ARGV[1], now), estimate }
