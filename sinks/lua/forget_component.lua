-- Delete components that have not changed since they were read, and their publications.
-- KEYS: for each, its component hash and its publication hash. ARGV: for each, the version read.
-- Reply: for each, 1, or 0: it has changed.
if #KEYS ~= 2 * #ARGV then
  return redis.error_reply('BADARGS two keys and one version for each')
end
local replies = {}
for i, version in ipairs(ARGV) do
  local component, publication = KEYS[2 * i - 1], KEYS[2 * i]
  if (redis.call('HGET', component, 'v') or '0') == version then
    redis.call('DEL', component, publication)
    replies[i] = 1
  else
    replies[i] = 0
  end
end
return replies
