-- Empty components whose content has arrived where they moved to; those that are not pending stay as they are.
-- KEYS: component hashes. ARGV: none.
-- Reply: how many were emptied.
local emptied = 0
for _, key in ipairs(KEYS) do
  local there = redis.call('HMGET', key, 'p', 'to', 'v')
  if there[1] then
    redis.call('DEL', key)
    redis.call('HSET', key, 'to', there[2], 'v', string.format('%.0f', there[3] + 1))
    emptied = emptied + 1
  end
end
return emptied
