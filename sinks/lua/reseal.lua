-- Seal a slot for the generation of a session, if an earlier generation of the same store sealed it.
-- Not behind the guard: the guard looks at what is written here.
-- KEYS: the slot's seal. ARGV: the generation. Reply: 1, or 0 if there is no seal of this store.
local store, number = string.match(ARGV[1], '^(%x+)%.?(%d*)$')
local store_there, number_there = string.match(redis.call('HGET', KEYS[1], 'generation') or '', '^(%x+)%.?(%d*)$')
if store ~= store_there then
  return 0
end
if (tonumber(number_there) or 0) < (tonumber(number) or 0) then
  redis.call('HSET', KEYS[1], 'generation', ARGV[1])
end
return 1
