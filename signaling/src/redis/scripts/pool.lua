-- The queue of those who wait, which all pods share. The rules are those of core::pairing, whose pool in memory is the
-- model: one table of requests and replies tests both.
--
-- Those who want the same stand in one queue by the time they came. The oldest of a queue has dropped the most demands, so
-- when its wishes do not agree with the asker's, nobody's behind it do.
--
-- Nothing here is newer than Redis 6.0. Time is an argument. Keys that are not in KEYS (one queue for each criteria) begin
-- with the first of KEYS, and so have its hash tag.
--
-- ARGV: now, the longest wait, how many tickets and how many blocks there may be, and any number of requests:
-- 'enter', the ticket; 'leave', the session, the epoch; 'block', who blocks, whom. Replies a list of what each says.

local base = KEYS[1]
local TICKETS = base .. 'tickets'         -- hash: session -> its ticket, JSON as its owner wrote it
local HEADS = base .. 'heads'             -- sorted set: criteria by since when the oldest who want that wait
local PUT = base .. 'put'                 -- sorted set: sessions by when their tickets were put
local WAITS = base .. 'waits'             -- hash: criteria -> how long those who wanted that waited lately
local WAITS_ORDER = base .. 'waits-order' -- list: the criteria of WAITS, the oldest last
local BLOCKS = base .. 'blocks'           -- sorted set: 'by|of' by when

local LOOKS = 64
local STALE_AFTER = 7000
local SWEEP = 16
local WIDENS = { interests = 5000, region = 10000, language = 15000, recent = 15000 }
local KEPT_WAITS = 16
local KEPT_CRITERIA = 1024
local FIRST_GUESS = 5000
local COUNTED = 1000

local function queue(criteria)
    return base .. 'queue:' .. criteria
end

local function since_of_head(criteria)
    return redis.call('ZRANGE', queue(criteria), 0, 0, 'WITHSCORES')[2]
end

local function move_head(criteria)
    local since = since_of_head(criteria)
    if since then
        redis.call('ZADD', HEADS, since, criteria)
    else
        redis.call('ZREM', HEADS, criteria)
    end
end

local function ticket_of(session)
    local text = redis.call('HGET', TICKETS, session)
    return text and cjson.decode(text), text
end

local function take(ticket)
    redis.call('HDEL', TICKETS, ticket.session)
    redis.call('ZREM', PUT, ticket.session)
    redis.call('ZREM', queue(ticket.criteria), ticket.session)
    move_head(ticket.criteria)
end

local function put(ticket, text, now)
    redis.call('HSET', TICKETS, ticket.session, text)
    redis.call('ZADD', PUT, now, ticket.session)
    redis.call('ZADD', queue(ticket.criteria), ticket.since, ticket.session)
    move_head(ticket.criteria)
    local place = redis.call('ZRANK', queue(ticket.criteria), ticket.session) + 1
    return math.min(place, COUNTED)
end

-- Takes out some of the tickets that were not put again: a pod that is gone leaves none behind for long.
local function sweep(now)
    local stale = redis.call('ZRANGEBYSCORE', PUT, '-inf', '(' .. (now - STALE_AFTER), 'LIMIT', 0, SWEEP)
    for _, session in ipairs(stale) do
        local ticket = ticket_of(session)
        if ticket then
            take(ticket)
        else
            redis.call('ZREM', PUT, session)
        end
    end
end

-- Notes how long somebody waited, or several did who wanted the same.
local function note(field, waited)
    local text = redis.call('HGET', WAITS, field)
    local waits = text and cmsgpack.unpack(text) or {}
    for _, one in ipairs(waited) do
        table.insert(waits, one)
        if #waits > KEPT_WAITS then
            table.remove(waits, 1)
        end
    end
    redis.call('HSET', WAITS, field, cmsgpack.pack(waits))
    return not text
end

local function note_waits(criteria, waited)
    if note(criteria, waited) then
        redis.call('LPUSH', WAITS_ORDER, criteria)
        if redis.call('LLEN', WAITS_ORDER) > KEPT_CRITERIA then
            redis.call('HDEL', WAITS, redis.call('RPOP', WAITS_ORDER))
        end
    end
end

-- The same for two who have found each other.
local function note_pair(one, waited, other, other_waited)
    note('*', { waited, other_waited })
    if one == other then
        note_waits(one, { waited, other_waited })
    else
        note_waits(one, { waited })
        note_waits(other, { other_waited })
    end
end

-- The usual wait of those who want the same, else of all.
local function usual(criteria)
    local text = redis.call('HGET', WAITS, criteria) or redis.call('HGET', WAITS, '*')
    if not text then
        return FIRST_GUESS
    end
    local waits, sum = cmsgpack.unpack(text), 0
    for _, waited in ipairs(waits) do
        sum = sum + waited
    end
    return math.floor(sum / #waits)
end

local function same(one, other)
    return one == cjson.null or other == cjson.null or one == other
end

-- Whether two wishes have an interest in common, or one of them has none.
local function common(one, other)
    if #one.interests == 0 or #other.interests == 0 then
        return true
    end
    for _, interest in ipairs(other.interests) do
        if one.known[interest] then
            return true
        end
    end
    return false
end

local function wishes_agree(one, waited, other, other_waited)
    local least = math.min(waited, other_waited)
    return same(one.mode, other.mode)
        and (least >= WIDENS.language or same(one.language, other.language))
        and (least >= WIDENS.region or same(one.region, other.region))
        and (least >= WIDENS.interests or common(one, other))
end

local function contains(list, person)
    for _, known in ipairs(list) do
        if known == person then
            return true
        end
    end
    return false
end

local function people_agree(one, other, now)
    local function too_soon(ticket, partner)
        return now - ticket.since < WIDENS.recent and contains(ticket.recent, partner.person)
    end
    return one.session ~= other.session
        and one.person ~= other.person
        and not contains(one.blocked, other.person)
        and not contains(other.blocked, one.person)
        and not too_soon(one, other)
        and not too_soon(other, one)
end

-- A worker is named after its pod: pod/number.
local function pod_of(ticket)
    return string.match(ticket.worker, '^(.*)/') or ticket.worker
end

local function near_enough(one, other, now)
    return pod_of(one) == pod_of(other) or one.anywhere_from <= now or other.anywhere_from <= now
end

local function blocked(one, other)
    return redis.call('ZSCORE', BLOCKS, one .. '|' .. other) or redis.call('ZSCORE', BLOCKS, other .. '|' .. one)
end

local function fits(asker, ticket, now)
    return now - tonumber(redis.call('ZSCORE', PUT, ticket.session) or 0) <= STALE_AFTER
        and near_enough(asker, ticket, now)
        and people_agree(asker, ticket, now)
        and not blocked(asker.person, ticket.person)
end

-- What those want who have these criteria, read once: requests that come together look at the same ones.
local wishes = {}
local function wish_of(criteria)
    local wish = wishes[criteria]
    if not wish then
        wish = cjson.decode(criteria)
        wish.known = {}
        for _, interest in ipairs(wish.interests) do
            wish.known[interest] = true
        end
        wishes[criteria] = wish
    end
    return wish
end

-- The oldest of one queue who will do, and how many were looked at.
local function first_of(criteria, head, wish, asker, waited, looks, now)
    local wanted = wish_of(criteria)
    if not wishes_agree(wish, waited, wanted, now - head) then
        return nil, looks
    end
    local places = redis.call('ZRANGE', queue(criteria), 0, LOOKS - looks, 'WITHSCORES')
    for at = 1, #places, 2 do
        local session, since = places[at], tonumber(places[at + 1])
        if not wishes_agree(wish, waited, wanted, now - since) then
            return nil, looks
        end
        looks = looks + 1
        local ticket, text = ticket_of(session)
        if not ticket then
            redis.call('ZREM', queue(criteria), session)
            move_head(criteria)
        elseif fits(asker, ticket, now) then
            return { ticket = ticket, text = text, since = since }, looks
        end
    end
    return nil, looks
end

-- The oldest ticket that will do.
local function partner(asker, now)
    local wish, waited = wish_of(asker.criteria), now - asker.since
    local heads = redis.call('ZRANGE', HEADS, 0, LOOKS - 1, 'WITHSCORES')
    local oldest, looks = nil, 0
    for at = 1, #heads, 2 do
        if looks >= LOOKS or (oldest and oldest.since <= tonumber(heads[at + 1])) then
            break
        end
        looks = looks + 1
        local found
        found, looks = first_of(heads[at], tonumber(heads[at + 1]), wish, asker, waited, looks, now)
        if found and not (oldest and oldest.since <= found.since) then
            oldest = found
        end
    end
    return oldest
end
