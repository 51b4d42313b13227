-- Move positions on, if this is the server that the batch worked on, each one that the batch continues.
-- KEYS: the positions. ARGV: the run_id of the server as the batch saw it, or of all nodes of a cluster with blanks between
--   them; 1 if the broker confirmed that there is nothing between a position and its start; then for each position the
--   start of the batch ('' for none) and its end.
-- Reply: for each, done, behind, gap or changed; and the position as it is now, or nil.
local run_ids, gap_allowed = ARGV[1], ARGV[2] == '1'
for at = 3, #ARGV, 2 do
  if not tonumber(ARGV[at + 1]) or (ARGV[at] ~= '' and not tonumber(ARGV[at])) then
    return redis.error_reply('BADARGS offsets are numbers')
  end
end
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local is_known = string.find(' ' .. run_ids .. ' ', ' ' .. server .. ' ', 1, true)

local function advanced(key, start, last)
  local there = redis.call('GET', key)
  if not is_known then
    return { 'changed', there }
  end
  if (there or '') ~= start then
    if there and (start == '' or tonumber(there) > tonumber(start)) then
      return { 'behind', there }
    end
    if not gap_allowed then
      return { 'gap', there }
    end
  end
  redis.call('SET', key, last)
  return { 'done', last }
end

local replies = {}
for at, key in ipairs(KEYS) do
  replies[at] = advanced(key, ARGV[2 * at + 1], ARGV[2 * at + 2])
end
return replies
