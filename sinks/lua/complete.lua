-- What was begun has arrived: its state holds, if the publication is at the revision that it got when it was begun.
-- KEYS: publication hashes. ARGV: for each, the revision, the offsets, and the state to keep ('': the one begun).
-- Reply: for each, 1, or 0: refused, or nothing is begun.
local call = redis.call
if #ARGV ~= 3 * #KEYS then
  return redis.error_reply('BADARGS three values for each key')
end
local replies = {}
for i, key in ipairs(KEYS) do
  local there = call('HMGET', key, 'r', 'n')
  local state = ARGV[3 * i]
  if there[1] == ARGV[3 * i - 2] and there[2] then
    -- Anew, because Redis keeps a hash that has held something long in its larger form.
    call('DEL', key)
    call('HSET', key, 'r', there[1], 's', state ~= '' and state or there[2], 'o', ARGV[3 * i - 1])
    replies[i] = 1
  else
    replies[i] = 0
  end
end
return replies
