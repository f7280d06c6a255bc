-- Returns records that were added after a place.
-- KEYS  head, records, order, until
-- ARGV  epoch for a new log, epoch and version of the place, most records
-- Returns the epoch, the version to go on from, and the records.
local head, records, order = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HLEN', records) ~= redis.call('ZCARD', order) then
  redis.call('DEL', head, records, order, KEYS[4])
end
redis.call('HSETNX', head, 'epoch', ARGV[1])
local epoch = redis.call('HGET', head, 'epoch')
local after = ARGV[3]
if epoch ~= ARGV[2] then after = '0' end
local rows = redis.call('ZRANGEBYSCORE', order, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local answer = {epoch, after}
for i = 1, #rows, 2 do
  answer[2] = rows[i + 1]
  answer[#answer + 1] = redis.call('HGET', records, rows[i])
end
return answer
