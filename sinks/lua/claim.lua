-- Set strings that are not set.
-- KEYS: the strings. ARGV: a value for each.
-- Reply: the value that each has now.
local replies = {}
if #KEYS ~= #ARGV then
  return redis.error_reply('BADARGS one value for each key')
end
for i, key in ipairs(KEYS) do
  if redis.call('SETNX', key, ARGV[i]) == 1 then
    replies[i] = ARGV[i]
  else
    replies[i] = redis.call('GET', key)
  end
end
return replies
