-- Read components whole.
-- KEYS: component hashes. ARGV: none.
-- Reply: for each, its fields and values in turn.
local replies = {}
for i, key in ipairs(KEYS) do
  replies[i] = redis.call('HGETALL', key)
end
return replies
