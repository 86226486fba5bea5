-- Takes a ticket out, if it is there with this epoch or an earlier one.
local function leave(session, epoch, now)
    local ticket = ticket_of(session)
    if ticket and ticket.epoch <= epoch then
        take(ticket)
        -- A wait without a partner says something as well, once it is longer than usual.
        local waited = now - ticket.since
        if usual(ticket.criteria) < waited then
            note('*', { waited })
            note_waits(ticket.criteria, { waited })
        end
    end
    return {}
end
