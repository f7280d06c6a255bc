-- Takes from several counters at once: from all of them, or from none.
--
-- Time is the server's, in whole microseconds. A rate is GCRA: its key holds the
-- theoretical arrival time of the next request as "Q R", which means Q + R/count
-- microseconds, so that no rate is rounded: 700 a second are 1428 4/7 each.
-- Only plain Lua 5.1 is used, and numbers up to 2^53, which a double holds
-- exactly: Redis-compatible stores lack more than that.
--
-- KEYS[1]     sorted set: server -> time in ms until which it counts as alive
-- KEYS[1+i]   key of item i
-- ARGV[1]     this server
-- ARGV[2]     "take": all or none; "add": whatever that leads to, and back (cost < 0)
-- then for each item eight texts: kind, soft (1 or 0), and six numbers
--   r soft count period_us burst cost want wait_us   rate; want > cost: as many as that, if they are there
--   q soft limit cost expires_ms 0 0 0               quota of a window
--   c soft limit cost ended 0 0 0                    requests in work; ended ones go first, in any case
--   s 0 count 0 0 0 0 0                              requests in work, as this server counts them
-- A soft item never refuses the others, and takes only what is there.
--
-- Returns the time, 1 or 0 (refused), and for each item: 1 or 0, remaining,
-- wait_us, taken, reset_us. wait_us of an item that is 1 is how long to wait
-- before use; of one that is 0, how long until it could be used (-1: never).

local MOST = 4503599627370496 -- 2^52, which no time reaches
local DAY = 86400000000

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local node, force = ARGV[1], ARGV[2] == 'add'

-- n * period / count, as whole and rest: n * period = whole * count + rest
local function share(n, period, count)
  local whole = math.floor(n * period / count)
  if whole > MOST then return MOST, 0 end
  local rest = n * period - whole * count
  if rest < 0 then whole, rest = whole - 1, rest + count end
  if rest >= count then whole, rest = whole + 1, rest - count end
  return whole, rest
end

local function rate(item)
  local count, period, burst, cost, want, wait = item[3], item[4], item[5], item[6], item[7], item[8]
  local tau, tauRest = share(burst, period, count)
  local whole, rest = now, 0
  local stored = redis.call('GET', item.key)
  if stored then
    local q, r = string.match(stored, '^(%d+) (%d+)$')
    if q and tonumber(q) >= now then whole, rest = tonumber(q), tonumber(r) end
  end
  -- what is there now, in parts of which a request takes period
  local room = (now + tau - whole) * count + tauRest - rest
  local there = math.floor(room / period)
  local reset = 0
  if there < burst then reset = math.ceil(((there + 1) * period - room) / count) end
  local delay = 0
  if not force and there < cost then
    if cost > burst then return {0, math.max(there, 0), -1, 0, reset} end
    delay = math.ceil((cost * period - room) / count)
    if delay > wait then return {0, math.max(there, 0), delay, 0, reset} end
  end
  local n = cost
  if not force and want > cost and there > cost then
    n = math.max(cost, math.min(want, math.ceil(there / 2))) -- leave some to other servers
  end
  if n == 0 then return {1, math.max(there, 0), delay, 0, reset} end
  local add, addRest = share(math.abs(n), period, count)
  if n < 0 then
    whole, rest = whole - add, rest - addRest
    if rest < 0 then whole, rest = whole - 1, rest + count end
  else
    whole, rest = whole + add, rest + addRest
    if rest >= count then whole, rest = whole + math.floor(rest / count), rest % count end
  end
  -- A debt beyond a day is forgiven, and a clock that was set back heals by that.
  whole = math.min(whole, now + tau + wait + DAY, MOST)
  item.set, item.ttl = string.format('%.0f %.0f', whole, rest), whole - now
  room = (now + tau - whole) * count + tauRest - rest
  there = math.min(math.floor(room / period), burst)
  reset = 0
  if there < burst then reset = math.ceil(((there + 1) * period - room) / count) end
  return {1, math.max(there, 0), delay, n, reset}
end

local function quota(item)
  local limit, cost = item[3], item[4]
  local used = tonumber(redis.call('GET', item.key) or '0') or 0
  if not force and used + cost > limit then
    return {0, math.max(limit - used, 0), 0, 0, 0}
  end
  return {1, math.max(limit - used - cost, 0), 0, cost, 0}
end

-- Each server has a field with how many requests it has in work. The fields of
-- servers that were not heard of for a while do not count and go away, so that
-- a dead one leaks nothing.
local function work(item)
  local limit, cost, ended = item[3], item[4], item[5]
  if ended > 0 and redis.call('HINCRBY', item.key, node, string.format('%.0f', -ended)) <= 0 then
    redis.call('HDEL', item.key, node)
  end
  local used = 0
  local fields = redis.call('HGETALL', item.key)
  for i = 1, #fields, 2 do
    local alive = redis.call('ZSCORE', KEYS[1], fields[i])
    if fields[i] == node or (alive and tonumber(alive) * 1000 > now) then
      used = used + tonumber(fields[i + 1])
    else
      redis.call('HDEL', item.key, fields[i])
    end
  end
  if not force and used + cost > limit then
    return {0, math.max(limit - used, 0), 0, 0, 0}
  end
  return {1, math.max(limit - used - cost, 0), 0, cost, 0}
end

local items, verdicts, allowed = {}, {}, 1
local n = #KEYS - 1
for i = 1, n do
  local at = 2 + (i - 1) * 8
  local item = {ARGV[at + 1], ARGV[at + 2] == '1', key = KEYS[1 + i]}
  for j = 3, 8 do item[j] = tonumber(ARGV[at + j]) end
  local verdict
  if item[1] == 'r' then verdict = rate(item)
  elseif item[1] == 'q' then verdict = quota(item)
  elseif item[1] == 'c' then verdict = work(item)
  else verdict = {1, 0, 0, item[3], 0} end
  if verdict[1] == 0 and not item[2] then allowed = 0 end
  items[i], verdicts[i] = item, verdict
end

local reply = {now, allowed}
for i = 1, n do
  local item, verdict = items[i], verdicts[i]
  if allowed == 1 and verdict[1] == 1 then
    if item[1] == 'r' then
      if item.ttl and item.ttl > 0 then
        redis.call('SET', item.key, item.set, 'PX', string.format('%.0f', math.ceil(item.ttl / 1000) + 1))
      elseif item.ttl then
        redis.call('DEL', item.key)
      end
    elseif item[1] == 'q' and verdict[4] ~= 0 then
      redis.call('INCRBY', item.key, string.format('%.0f', verdict[4]))
      redis.call('PEXPIREAT', item.key, string.format('%.0f', item[5]))
    elseif item[1] == 'c' and verdict[4] ~= 0 then
      local left = redis.call('HINCRBY', item.key, node, string.format('%.0f', verdict[4]))
      if left <= 0 then redis.call('HDEL', item.key, node) end
      redis.call('PEXPIRE', item.key, 86400000)
    elseif item[1] == 's' then
      if item[3] > 0 then
        redis.call('HSET', item.key, node, string.format('%.0f', item[3]))
        redis.call('PEXPIRE', item.key, 86400000)
      else
        redis.call('HDEL', item.key, node)
      end
    end
  end
  for j = 1, 5 do reply[#reply + 1] = verdict[j] end
end
return reply
