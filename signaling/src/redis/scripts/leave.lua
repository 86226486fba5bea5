-- Takes a ticket out, if it is there with this epoch or an earlier one.
-- ARGV: the session, the epoch, now.

local now = tonumber(ARGV[3])
local ticket = ticket_of(ARGV[1])
if ticket and ticket.epoch <= tonumber(ARGV[2]) then
    take(ticket)
    -- A wait without a partner says something as well, once it is longer than usual.
    local waited = now - ticket.since
    if usual(ticket.criteria) < waited then
        note_wait(ticket.criteria, waited)
    end
end
