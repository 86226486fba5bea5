-- Puts a ticket and looks for a partner. Says {'waiting', position, estimate}, {'claimed', the partner's ticket}, {'full'},
-- or {'old'} to an earlier owner.
local function enter(text, now, longest, room)
    local ticket = cjson.decode(text)
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
        note_pair(ticket.criteria, waited, found.ticket.criteria, now - found.ticket.since)
        return { 'claimed', found.text }
    end
    -- Who waits longer than usual may still wait as long again as half of that.
    local left = math.max(longest - waited, 0)
    local estimate = math.min(math.max(usual(ticket.criteria) - waited, math.floor(waited / 2)), left)
    return { 'waiting', put(ticket, text, now), estimate }
end
