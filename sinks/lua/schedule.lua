-- Write down when components are to be looked at; what is there already stays.
-- KEYS: for each, its share of `due`. ARGV: for each, the instant and the member.
-- Reply: how many.
if #ARGV ~= 2 * #KEYS then
  return redis.error_reply('BADARGS two values for each key')
end
for i = 1, #ARGV, 2 do
  if not tonumber(ARGV[i]) then
    return redis.error_reply('BADARGS an instant is a number')
  end
end
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, ARGV[2 * i - 1], ARGV[2 * i])
end
return #KEYS
