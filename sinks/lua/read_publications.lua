-- Read what was published of components.
-- KEYS: publication hashes. ARGV: none.
-- Reply: for each, its revision, its state, the offsets of that, the state begun, and what is being sent; nil for each
--   that it has not.
local replies = {}
for i, key in ipairs(KEYS) do
  replies[i] = redis.call('HMGET', key, 'r', 's', 'o', 'n', 'c')
end
return replies
