-- Send pending moves somewhere else, if they still go where they were seen to go.
-- KEYS: component hashes. ARGV: for each, where it was seen to move to, and where it is to move to ('' calls it off).
-- Reply: how many were changed.
if #ARGV ~= 2 * #KEYS then
  return redis.error_reply('BADARGS two names for each key')
end
local changed = 0
for i, key in ipairs(KEYS) do
  local there = redis.call('HMGET', key, 'p', 'to')
  if there[1] and there[2] == ARGV[2 * i - 1] then
    local to = ARGV[2 * i]
    if to ~= '' then
      redis.call('HSET', key, 'to', to)
    else
      redis.call('HDEL', key, 'to', 'p')
    end
    redis.call('HINCRBY', key, 'v', 1)
    changed = changed + 1
  end
end
return changed
