-- Put in front of every script: go on only in the store that this session opened.
-- KEYS[1]: the store's meta hash. ARGV[1]: its generation as the session found it. Both are taken off before the script.
-- It is another one behind a fence. Without it, a store that was emptied under a live worker is filled again by halves, from what the worker remembers.
if redis.call('HGET', KEYS[1], 'generation') ~= ARGV[1] then
  return redis.error_reply('LOST the store was emptied, or is another one')
end
table.remove(KEYS, 1)
table.remove(ARGV, 1)
