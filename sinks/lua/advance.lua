-- Move a position on, if this is the server that the batch worked on and the batch continues the position.
-- KEYS: the position. ARGV: the run_id of the server as the batch saw it, or of all nodes of a cluster with blanks between
--   them; the start of the batch ('' for none), its end, and 1 if the broker confirmed that there is nothing between the
--   position and the start.
-- Reply: done, behind, gap or changed; and the position as it is now, or nil.
local run_ids, start, last, gap_allowed = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
if not tonumber(last) or (start ~= '' and not tonumber(start)) then
  return redis.error_reply('BADARGS offsets are numbers')
end
local there = redis.call('GET', KEYS[1])
local server = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
if not string.find(' ' .. run_ids .. ' ', ' ' .. server .. ' ', 1, true) then
  return { 'changed', there }
end
local position = there or ''
if position ~= start then
  if there and (start == '' or tonumber(there) > tonumber(start)) then
    return { 'behind', there }
  end
  if not gap_allowed then
    return { 'gap', there }
  end
end
redis.call('SET', KEYS[1], last)
return { 'done', last }
