-- Adds records to the log, and forgets old ones.
-- KEYS  head, records, order, until
-- ARGV  epoch for a new log, then for each record: target, time in ms, removed (0 or 1), id, until in ms, JSON
local head, records, order, till = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('HLEN', records) ~= redis.call('ZCARD', order) then
  redis.call('DEL', head, records, order, till)
end
redis.call('HSETNX', head, 'epoch', ARGV[1])

local function newer(known, at, removed, id)
  if not known then return true end
  local kat, kremoved, kid = string.match(known, '^(%d+) (%d) (%S*) ')
  if not kat then return true end
  if tonumber(kat) ~= at then return at > tonumber(kat) end
  if kremoved ~= removed then return removed == '1' end
  return id > kid
end

for i = 2, #ARGV, 6 do
  local target, at, removed, id, keep, json = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5]
  if newer(redis.call('HGET', records, target), tonumber(at), removed, id) then
    local version = redis.call('HINCRBY', head, 'version', 1)
    redis.call('HSET', records, target, at .. ' ' .. removed .. ' ' .. id .. ' ' .. json)
    redis.call('ZADD', order, version, target)
    if keep == '0' then
      redis.call('ZREM', till, target)
    else
      redis.call('ZADD', till, keep, target)
    end
  end
end

local time = redis.call('TIME')
local old = redis.call('ZRANGEBYSCORE', till, '-inf', time[1] .. '000', 'LIMIT', 0, 100)
for _, target in ipairs(old) do
  redis.call('HDEL', records, target)
  redis.call('ZREM', order, target)
  redis.call('ZREM', till, target)
end
return {}
