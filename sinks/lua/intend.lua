-- Begin publications of components that are there and have not moved, if nobody else has since they were computed.
-- KEYS: for each, its publication hash and its component hash. ARGV: for each, the revision read, the state that will
--   hold, and what is being sent.
-- Reply: for each, the new revision, or nil: refused.
local call = redis.call
if 2 * #ARGV ~= 3 * #KEYS or #KEYS % 2 ~= 0 then
  return redis.error_reply('BADARGS two keys and three values for each')
end
for i = 1, #ARGV, 3 do
  if not tonumber(ARGV[i]) then
    return redis.error_reply('BADARGS a revision is a number')
  end
end
local replies = {}
for i = 1, #KEYS / 2 do
  local publication, component, at = KEYS[2 * i - 1], KEYS[2 * i], 3 * i - 2
  local reply = false
  local there = call('HMGET', component, 'v', 'to')
  if (call('HGET', publication, 'r') or '0') == ARGV[at] and there[1] and not there[2] then
    reply = ARGV[at] + 1
    call('HSET', publication, 'r', string.format('%.0f', reply), 'n', ARGV[at + 1], 'c', ARGV[at + 2])
  end
  replies[i] = reply
end
return replies
