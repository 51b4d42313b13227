-- Replace strings that are as they were seen.
-- KEYS: the strings. ARGV: for each, the value seen and the value to set.
-- Reply: how many were replaced.
if #ARGV ~= 2 * #KEYS then
  return redis.error_reply('BADARGS two values for each key')
end
local replaced = 0
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[2 * i - 1] then
    redis.call('SET', key, ARGV[2 * i])
    replaced = replaced + 1
  end
end
return replaced
