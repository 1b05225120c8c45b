-- One quota: at most `requests` in any window, counted where they arrive.
-- A slot is in flight from before the request is sent until its answer was seen, then cools for one window.
-- As the request arrives in between, requests that lie within one window of each other all hold slots at once.
--
-- KEYS 1 flying   zset  token -> instant its lease ends (its holder is then taken for dead)
--      2 cooling  zset  token -> instant its slot is free again
--      3 queue    zset  token -> number of its ticket: the waiters, first come first served
--      4 tickets  zset  token -> instant its waiter is taken for dead
--      5 pause    text  instant until which nobody may send
-- ARGV 1 verb     take | release | pause | state
--      2 requests, 3 window, 4 lease
--      5 token    of take and release
--      6 span     take: the longest wait the caller accepts; pause: its length
-- All instants and spans are microseconds of this server's clock.
-- Returns for take {wait, paused}: wait 0 is a slot, a wait within the span is a place in the queue (take again
-- after it), a longer one a refusal that left nothing behind. For state {flying, cooling, waiting, paused}.

local flying, cooling, queue, tickets, pause = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local verb, token = ARGV[1], ARGV[5]
local requests, window, lease, span = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local LATE = 1000000 -- a waiter that is this late to its turn is taken for dead

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

-- A key lives as long as the last instant in it counts.
local function expire(key, source)
  local last = redis.call('ZREVRANGE', source, 0, 0, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', key, math.ceil(tonumber(last) / 1000))
end

local function drop_ticket(owner)
  redis.call('ZREM', queue, owner)
  redis.call('ZREM', tickets, owner)
end

local function forget_the_past()
  redis.call('ZREMRANGEBYSCORE', flying, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', cooling, '-inf', now)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', tickets, '-inf', now)) do
    drop_ticket(dead)
  end
end

local function paused()
  return math.max(0, (tonumber(redis.call('GET', pause) or 0)) - now)
end

-- The least time until the slot of this place in the order of coming free (from 0) is free. Cooling slots come first
-- and exactly; one in flight cools for a window from its answer, so not before now + window (or the end of its lease).
-- A place beyond all slots waits whole windows more.
local function time_until_free(place)
  if place < 0 then
    return 0
  end
  local windows, index = math.floor(place / requests), place % requests
  local cooled = redis.call('ZCARD', cooling)
  local slot
  if index < cooled then
    slot = redis.call('ZRANGE', cooling, index, index, 'WITHSCORES')
  else
    slot = redis.call('ZRANGE', flying, index - cooled, index - cooled, 'WITHSCORES')
  end
  local left = slot[2] and tonumber(slot[2]) - now or window
  return windows * window + math.min(window, left)
end

local function enter_queue(known, wait)
  if not known then
    local last = redis.call('ZREVRANGE', queue, 0, 0, 'WITHSCORES')[2]
    redis.call('ZADD', queue, tonumber(last or 0) + 1, token)
  end
  redis.call('ZADD', tickets, now + wait + LATE, token)
  expire(tickets, tickets)
  expire(queue, tickets)
end

local function take()
  if redis.call('ZSCORE', flying, token) then
    return {0, 0} -- asked again because the first answer was lost on its way
  end
  local known = redis.call('ZRANK', queue, token)
  local ahead = known or redis.call('ZCARD', queue)
  local free = requests - redis.call('ZCARD', flying) - redis.call('ZCARD', cooling)
  local pause_left = paused()
  if pause_left == 0 and ahead < free then
    drop_ticket(token)
    redis.call('ZADD', flying, now + lease, token)
    expire(flying, flying)
    return {0, 0}
  end
  local wait = math.max(1, pause_left, time_until_free(ahead - free))
  if wait > span then
    drop_ticket(token)
  else
    enter_queue(known, wait)
  end
  return {wait, pause_left}
end

-- Also of a token that is not known any more: its request was sent, whatever was forgotten here.
local function release()
  redis.call('ZREM', flying, token)
  redis.call('ZADD', cooling, now + window, token)
  expire(cooling, cooling)
end

local function set_pause()
  local until_when = now + math.max(span, paused())
  redis.call('SET', pause, string.format('%.0f', until_when))
  redis.call('PEXPIREAT', pause, math.ceil(until_when / 1000))
end

forget_the_past()
if verb == 'take' then
  return take()
elseif verb == 'release' then
  return release()
elseif verb == 'pause' then
  return set_pause()
end
return {redis.call('ZCARD', flying), redis.call('ZCARD', cooling), redis.call('ZCARD', queue), paused()}
