-- Keep the state of what is published and drop the intent, if the publication is at the revision that the intent got.
-- KEYS: publication hashes. ARGV: for each, the revision and the state.
-- Reply: for each, 1, or 0: refused.
local call = redis.call
if #ARGV ~= 2 * #KEYS then
  return redis.error_reply('BADARGS two values for each key')
end
local replies = {}
for i, key in ipairs(KEYS) do
  if call('HGET', key, 'r') == ARGV[2 * i - 1] then
    call('HSET', key, 's', ARGV[2 * i])
    call('HDEL', key, 'n')
    replies[i] = 1
  else
    replies[i] = 0
  end
end
return replies
