-- Delete keys. In a script, because a session that has ended must not do it any more.
-- KEYS: what to delete. ARGV: nothing. Reply: how many were there.
local count = 0
for _, key in ipairs(KEYS) do
  count = count + redis.call('DEL', key)
end
return count
