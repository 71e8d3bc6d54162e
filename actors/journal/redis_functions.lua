#!lua name=lumilink_2
-- The journal's writes and reads in Redis; each call is one commit. The number in the name is raised with every
-- change of what a function does or takes, so that workers of two releases can share a server.

local MANY = 500 -- entries that are looked at in one go

local function whole(number)
    return string.format('%.0f', number + 0) -- + 0: Lua writes the negative of nothing as -0
end

local function fields(entry) -- {id, {'k', kind, 'a', at, 'p', payload}} as written by append
    local values = entry[2]
    return values[2], values[4], values[6]
end

local function is_there(log, first_seq, entries)
    if #entries == 0 then
        return false
    end
    local last_seq = first_seq + #entries - 1
    local there = redis.call('XRANGE', log, whole(first_seq), whole(last_seq))
    if #there ~= #entries then
        return false
    end
    for n, entry in ipairs(there) do
        local kind, at, payload = fields(entry)
        if kind ~= entries[n].kind or at ~= entries[n].at or payload ~= entries[n].payload then
            return false
        end
    end
    return true
end

-- One append of a batch: {verdict, epoch, newest fence or last seq}, and what it added.
local function append_one(places, keys, one)
    local newest = tonumber(redis.call('HGET', keys.placement, 'fence') or '0')
    if one.fence < newest then
        return {'fence', '', newest}, 0, 0
    end
    local head = redis.call('HMGET', keys.head, 'epoch', 'last', 'bytes')
    local epoch, last, bytes = head[1], tonumber(head[2] or '0'), tonumber(head[3] or '0')
    if not epoch then
        local workspace = redis.call('HGET', places.workspaces, one.stream)
        if workspace and workspace ~= one.workspace then
            return {'workspace', '', 0}, 0, 0
        end
    end
    if one.first_seq ~= last + 1 then
        if epoch and is_there(keys.log, one.first_seq, one.entries) then
            return {'ok', epoch, one.first_seq + #one.entries - 1}, 0, 0
        end
        return {'seq', '', last}, 0, 0
    end
    if not epoch then
        epoch = one.epoch
        redis.call('HSET', keys.head, 'epoch', epoch, 'first', 1)
        redis.call('ZADD', places.streams, 0, one.stream)
        redis.call('HSET', places.workspaces, one.stream, one.workspace)
    end
    local added = 0
    for _, entry in ipairs(one.entries) do
        last = last + 1
        added = added + #entry.payload
        redis.call('XADD', keys.log, whole(last) .. '-0', 'k', entry.kind, 'a', entry.at, 'p', entry.payload)
    end
    redis.call('HSET', keys.head, 'last', whole(last), 'bytes', whole(bytes + added))
    if one.meta then
        redis.call('HSET', keys.head, 'meta', one.meta)
    end
    return {'ok', epoch, last}, #one.entries, added
end

-- KEYS: streams, workspaces, total, then placement, head, log of each append.
-- ARGV of each append: stream, workspace, fence, first seq, epoch if it is new, 1 or 0, meta, number of entries,
-- then kind, at, payload of each entry.
local function append(KEYS, ARGV)
    local places = {streams = KEYS[1], workspaces = KEYS[2]}
    local results, entries, bytes = {}, 0, 0
    local at = 1
    for key = 4, #KEYS, 3 do
        local one = {
            stream = ARGV[at], workspace = ARGV[at + 1], fence = tonumber(ARGV[at + 2]),
            first_seq = tonumber(ARGV[at + 3]), epoch = ARGV[at + 4],
            meta = ARGV[at + 5] == '1' and ARGV[at + 6], entries = {},
        }
        local count = tonumber(ARGV[at + 7])
        at = at + 8
        for n = 1, count do
            one.entries[n] = {kind = ARGV[at], at = ARGV[at + 1], payload = ARGV[at + 2]}
            at = at + 3
        end
        local keys = {placement = KEYS[key], head = KEYS[key + 1], log = KEYS[key + 2]}
        local result, more_entries, more_bytes = append_one(places, keys, one)
        results[#results + 1] = result
        entries, bytes = entries + more_entries, bytes + more_bytes
    end
    redis.call('HINCRBY', KEYS[3], 'entries', whole(entries))
    redis.call('HINCRBY', KEYS[3], 'bytes', whole(bytes))
    return results
end

-- KEYS: head, log. ARGV: after seq, limit of entries, limit of bytes.
-- Returns epoch, first kept, last, then {id, kind, at, payload} of each entry; nothing for an unknown stream.
local function read(KEYS, ARGV)
    local head = redis.call('HMGET', KEYS[1], 'epoch', 'first', 'last')
    if not head[1] then
        return {}
    end
    local page = {head[1], tonumber(head[2]), tonumber(head[3])}
    local seq, entries, bytes = tonumber(ARGV[1]) + 1, tonumber(ARGV[2]), tonumber(ARGV[3])
    local taken, size = 0, 0
    while taken < entries do
        local found = redis.call('XRANGE', KEYS[2], whole(seq), '+', 'COUNT', math.min(64, entries - taken))
        for _, entry in ipairs(found) do
            local kind, at, payload = fields(entry)
            size = size + #payload
            if taken > 0 and size > bytes then
                return page
            end
            taken = taken + 1
            page[#page + 1] = {entry[1], kind, at, payload}
        end
        if #found == 0 then
            return page
        end
        seq = tonumber(string.match(found[#found][1], '^%d+')) + 1
    end
    return page
end

-- KEYS: head, log, total. ARGV: entries to keep or '', a moment in ms or ''.
-- Drops up to MANY entries; returns the first seq that is kept, and 1 if that was all.
local function trim(KEYS, ARGV)
    local head = redis.call('HMGET', KEYS[1], 'first', 'last', 'bytes')
    if not head[1] then
        return {1, 1}
    end
    local first, last, bytes = tonumber(head[1]), tonumber(head[2]), tonumber(head[3])
    local keep, moment = tonumber(ARGV[1]), tonumber(ARGV[2])
    local wanted, size = first, 0
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], whole(first), '+', 'COUNT', MANY)) do
        local _, at, payload = fields(entry)
        if not ((keep and wanted <= last - keep) or (moment and tonumber(at) < moment)) then
            break
        end
        wanted = wanted + 1
        size = size + #payload
    end
    if wanted > first then
        redis.call('XTRIM', KEYS[2], 'MINID', '=', whole(wanted))
        redis.call('HSET', KEYS[1], 'first', whole(wanted), 'bytes', whole(bytes - size))
        redis.call('HINCRBY', KEYS[3], 'entries', whole(first - wanted))
        redis.call('HINCRBY', KEYS[3], 'bytes', whole(-size))
    end
    local all = wanted < first + MANY or wanted > last
    return {wanted, all and 1 or 0}
end

-- KEYS: streams, workspaces, total, head, log. ARGV: stream.
local function delete(KEYS, ARGV)
    local head = redis.call('HMGET', KEYS[4], 'first', 'last', 'bytes')
    if head[1] then
        redis.call('HINCRBY', KEYS[3], 'entries', whole(head[1] - head[2] - 1))
        redis.call('HINCRBY', KEYS[3], 'bytes', whole(-head[3]))
        redis.call('UNLINK', KEYS[4], KEYS[5])
        redis.call('ZREM', KEYS[1], ARGV[1])
        redis.call('HDEL', KEYS[2], ARGV[1])
    end
    return 1
end

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function stands(placement, worker, fence)
    local row = redis.call('HMGET', placement, 'worker', 'fence')
    return row[1] == worker and row[2] == fence
end

local function is_among(name, names, first)
    for n = first, #names do
        if names[n] == name then
            return true
        end
    end
    return false
end

-- KEYS: placement. ARGV: workspace, worker, lease in ms, what the keys of workers' sets begin with, then the
-- workers whose leases count as run out.
-- The set of the worker that loses the workspace is known only here, so its key is not among KEYS.
local function acquire(KEYS, ARGV)
    local workspace, worker, sets = ARGV[1], ARGV[2], ARGV[4]
    local row = redis.call('HMGET', KEYS[1], 'worker', 'fence', 'expires')
    local holder, fence, expires = row[1] or '', tonumber(row[2] or '0'), tonumber(row[3] or '0')
    local now = now_ms()
    local live = holder ~= '' and expires > now and not is_among(holder, ARGV, 5)
    if live and holder ~= worker then
        return {holder, fence, expires}
    end
    if not live then
        fence = fence + 1
    end
    expires = now + tonumber(ARGV[3])
    redis.call('HSET', KEYS[1], 'worker', worker, 'fence', whole(fence), 'expires', whole(expires))
    if holder ~= '' and holder ~= worker then
        redis.call('SREM', sets .. holder, workspace)
    end
    redis.call('SADD', sets .. worker, workspace)
    return {worker, fence, expires}
end

-- KEYS: a placement each. ARGV: lease in ms, then worker and fence of each. Returns the expiry of each, or 0.
local function renew(KEYS, ARGV)
    local expires = now_ms() + tonumber(ARGV[1])
    local results = {}
    for n, placement in ipairs(KEYS) do
        local standing = stands(placement, ARGV[2 * n], ARGV[2 * n + 1])
        if standing then
            redis.call('HSET', placement, 'expires', whole(expires))
        end
        results[n] = standing and expires or 0
    end
    return results
end

-- KEYS: the worker's set, a placement each. ARGV: worker, then workspace and fence of each. Returns how many stood.
-- The rows stay for their fences.
local function release(KEYS, ARGV)
    local released = 0
    for n = 2, #KEYS do
        if stands(KEYS[n], ARGV[1], ARGV[2 * n - 1]) then
            redis.call('HSET', KEYS[n], 'worker', '', 'expires', 0)
            redis.call('SREM', KEYS[1], ARGV[2 * n - 2])
            released = released + 1
        end
    end
    return released
end

redis.register_function('lumilink_2_append', append)
redis.register_function{function_name = 'lumilink_2_read', callback = read, flags = {'no-writes'}}
redis.register_function('lumilink_2_trim', trim)
redis.register_function('lumilink_2_delete', delete)
redis.register_function('lumilink_2_acquire', acquire)
redis.register_function('lumilink_2_renew', renew)
redis.register_function('lumilink_2_release', release)
