-- Replace decisions about commands.
-- KEYS: the hash of decisions. ARGV: a command's id and the decision, in turn. Reply: how many.
for i = 1, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
return #ARGV / 2
