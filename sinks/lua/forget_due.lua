-- Take components out of what is due, whenever they are.
-- KEYS: for each, its share of `due`. ARGV: for each, its name. Reply: how many entries went.
if #KEYS ~= #ARGV then
  return redis.error_reply('BADARGS one name for each key')
end
local count = 0
for i, share in ipairs(KEYS) do
  for _, member in ipairs(redis.call('ZRANGE', share, 0, -1)) do
    if string.match(member, '^%d+:(.*)$') == ARGV[i] then
      count = count + redis.call('ZREM', share, member)
    end
  end
end
return count
