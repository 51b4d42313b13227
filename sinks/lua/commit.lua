-- Set and remove fields of components that have not changed since they were read, and have not moved.
-- KEYS: component hashes.
-- ARGV: for each, the version read, the number of fields to set, the number of fields to remove, then field and value in
--   turn, then the fields to remove.
-- Reply: for each, its new version, or nil: it is not at that version, or has moved.
local call = redis.call
local AT_ONCE = 2000 -- Lua can unpack only so many values; even, so that a field stays with its value

local at = 1
for _ = 1, #KEYS do
  local version, set, removed = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if not (version and set and removed) then
    return redis.error_reply('BADARGS three numbers for each key')
  end
  at = at + 3 + 2 * set + removed
end
if at ~= #ARGV + 1 then
  return redis.error_reply('BADARGS the numbers do not match what follows')
end

local function in_pieces(command, key, first, last)
  while first <= last do
    local to = math.min(first + AT_ONCE - 1, last)
    call(command, key, unpack(ARGV, first, to))
    first = to + 1
  end
end

local replies = {}
at = 1
for i, key in ipairs(KEYS) do
  local set, removed = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local first = at + 3
  local gone = first + 2 * set
  local there = call('HMGET', key, 'v', 'to')
  if (there[1] or '0') == ARGV[at] and not there[2] then
    local version = ARGV[at] + 1
    if 2 * set <= AT_ONCE then
      call('HSET', key, 'v', string.format('%.0f', version), unpack(ARGV, first, gone - 1))
    else
      call('HSET', key, 'v', string.format('%.0f', version))
      in_pieces('HSET', key, first, gone - 1)
    end
    in_pieces('HDEL', key, gone, gone + removed - 1)
    replies[i] = version
  else
    replies[i] = false
  end
  at = gone + removed
end
return replies
