-- Record decisions about commands that nothing is recorded about.
-- KEYS: the hash of decisions. ARGV: a command's id and the decision, in turn.
-- Reply: what is recorded about each now.
local replies = {}
for i = 1, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
  replies[#replies + 1] = redis.call('HGET', KEYS[1], ARGV[i])
end
return replies
