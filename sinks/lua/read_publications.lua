-- Read what was published of components.
-- KEYS: publication hashes. ARGV: none.
-- Reply: for each, its revision, state and intent; nil for each that it has not.
local replies = {}
for i, key in ipairs(KEYS) do
  replies[i] = redis.call('HMGET', key, 'r', 's', 'n')
end
return replies
