-- Mark components as moving, unless they have moved.
-- KEYS: component hashes. ARGV: for each, the name of the component that it moves to.
-- Reply: for each, the name of where it moves to, whoever said so first.
if #KEYS ~= #ARGV then
  return redis.error_reply('BADARGS one name for each key')
end
local replies = {}
for i, key in ipairs(KEYS) do
  local to = redis.call('HGET', key, 'to')
  if not to then
    to = ARGV[i]
    redis.call('HSET', key, 'to', to, 'p', '1')
    redis.call('HINCRBY', key, 'v', 1)
  end
  replies[i] = to
end
return replies
