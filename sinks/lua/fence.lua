-- Let every session end that has begun by now, once for each name.
-- KEYS: the store's meta hash, again. ARGV: the name, what is to be remembered with it, and the next generation.
-- Reply: 1, or 0 if there was a fence of this name.
local set = redis.call('HSETNX', KEYS[1], 'fence:' .. ARGV[1], ARGV[2])
if set == 1 then
  redis.call('HSET', KEYS[1], 'generation', ARGV[3])
end
return set
