-- Write down what is about to be published of components that have not moved, if nobody else has since it was computed.
-- KEYS: for each, its publication hash and its component hash. ARGV: for each, the revision read and the intent.
-- Reply: for each, the new revision, or nil: refused.
local call = redis.call
if #KEYS ~= #ARGV or #KEYS % 2 ~= 0 then
  return redis.error_reply('BADARGS two keys and two values for each')
end
for i = 1, #ARGV, 2 do
  if not tonumber(ARGV[i]) then
    return redis.error_reply('BADARGS a revision is a number')
  end
end
local replies = {}
for i = 1, #KEYS, 2 do
  local publication, component = KEYS[i], KEYS[i + 1]
  local reply = false
  if (call('HGET', publication, 'r') or '0') == ARGV[i] and call('HEXISTS', component, 'to') == 0 then
    reply = ARGV[i] + 1
    call('HSET', publication, 'r', string.format('%.0f', reply), 'n', ARGV[i + 1])
  end
  replies[#replies + 1] = reply
end
return replies
