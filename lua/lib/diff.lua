--- The difference of two texts as people and models read it: unified, by lines, bounded. Pure.
---
--- The shortest edit script by the greedy algorithm (Myers 1986, "An O(ND) Difference Algorithm"),
--- after equal lines at both ends are taken off. Where it would take more than `EDITS_MOST` edits,
--- what lies between is shown as replaced whole.
local text = require "lib.text"

local diff = {}

local EDITS_MOST <const> = 400 -- work and memory grow with the square
local COUNTED_MOST <const> = 1000000 -- bytes of both texts whose changed lines are counted
local AROUND     <const> = 3   -- unchanged lines shown on both sides
local LINE_MOST  <const> = 500 -- bytes of one line that are shown

--- How far the greedy walk gets with each number of edits, until it reaches the end of both.
--- Diagonal k is x - y; `furthest[k]` the largest x on it.
local function walk(old, new)
  local n, m = #old, #new
  local furthest, trace = { [1] = 0 }, {}
  for edits = 0, math.min(n + m, EDITS_MOST) do
    local before = table.move(furthest, -edits - 1, edits + 1, -edits - 1, {})
    trace[edits] = before
    for k = -edits, edits, 2 do
      local down = k == -edits or k ~= edits and before[k - 1] < before[k + 1]
      local x = down and before[k + 1] or before[k - 1] + 1
      local y = x - k
      while x < n and y < m and old[x + 1] == new[y + 1] do x, y = x + 1, y + 1 end
      furthest[k] = x
      if x >= n and y >= m then return trace, edits end
    end
  end
  return nil
end

--- Back along the trace: which old lines go and which new ones come.
local function marks(old, new)
  local gone, come = {}, {}
  local trace, edits = walk(old, new)
  if not trace then
    for i = 1, #old do gone[i] = true end
    for i = 1, #new do come[i] = true end
    return gone, come
  end
  local x, y = #old, #new
  for step = edits, 1, -1 do
    local before, k = trace[step], x - y
    local down = k == -step or k ~= step and before[k - 1] < before[k + 1]
    local from = down and before[k + 1] or before[k - 1]
    if down then
      y = from - (k + 1)
      x = from
      come[y + 1] = true
    else
      x = from
      y = from - (k - 1)
      gone[x + 1] = true
    end
  end
  return gone, come
end

--- Lines with their ends, so that a missing last one is a difference like others.
local function lines_of(s)
  local lines, at = {}, 1
  while at <= #s do
    local stop = s:find("\n", at, true) or #s
    lines[#lines + 1] = s:sub(at, stop)
    at = stop + 1
  end
  return lines
end

--- All lines in order, each " ", "-" or "+", with its number in both texts.
local function script(old, new)
  local head, tail = 0, 0
  local least = math.min(#old, #new)
  while head < least and old[head + 1] == new[head + 1] do head = head + 1 end
  while tail < least - head and old[#old - tail] == new[#new - tail] do tail = tail + 1 end
  local gone, come = marks(table.move(old, head + 1, #old - tail, 1, {}),
    table.move(new, head + 1, #new - tail, 1, {}))
  local rows, i, j = {}, 1, 1
  while i <= #old or j <= #new do
    local sign = gone[i - head] and "-" or come[j - head] and "+" or " "
    rows[#rows + 1] = { sign = sign, line = sign == "+" and new[j] or old[i], old = i, new = j }
    if sign ~= "+" then i = i + 1 end
    if sign ~= "-" then j = j + 1 end
  end
  return rows
end

--- Bounds of the rows to show, changes that lie near each other together.
local function hunks(rows)
  local found = {}
  for at, row in ipairs(rows) do
    if row.sign ~= " " then
      local last = found[#found]
      if last and at - last.to <= 2 * AROUND + 1 then
        last.to = at
      else
        found[#found + 1] = { from = at, to = at }
      end
    end
  end
  for _, hunk in ipairs(found) do
    hunk.from, hunk.to = math.max(1, hunk.from - AROUND), math.min(#rows, hunk.to + AROUND)
  end
  return found
end

local function range(first, count)
  if count == 1 then return tostring(first) end
  return ("%d,%d"):format(count == 0 and first - 1 or first, count)
end

local function show_row(row)
  local line, ended = row.line:gsub("\r?\n$", "")
  local cut = text.cut_end(line, LINE_MOST)
  if #cut < #line then cut = ("%s [... %d bytes left out ...]"):format(cut, #line - #cut) end
  return row.sign .. cut .. (ended == 0 and "\n\\ no line end at the end of the file" or ""),
    #cut < #line
end

local function show_hunk(rows, hunk)
  local olds, news, shown, whole = 0, 0, {}, true
  for at = hunk.from, hunk.to do
    local row = rows[at]
    if row.sign ~= "+" then olds = olds + 1 end
    if row.sign ~= "-" then news = news + 1 end
    local line, cut = show_row(row)
    shown[#shown + 1] = line
    whole = whole and not (cut and row.sign == "+")
  end
  local first = rows[hunk.from]
  return ("@@ -%s +%s @@\n"):format(range(first.old, olds), range(first.new, news))
    .. table.concat(shown, "\n"), whole
end

--- What turned `old` into `new`, in hunks as `diff -u` writes them, without file names; "" when
--- they are equal. Line ends that differ alone (CRLF, LF) are told as a line of words.
---@param old  string
---@param new  string
---@param most integer bytes; further hunks are left out, and their number is told
---@return string  difference valid UTF-8
---@return boolean whole      nothing was left out: who knew `old` now knows `new`
function diff.unified(old, new, most)
  if old == new then return "", true end
  if old:gsub("\r\n", "\n") == new:gsub("\r\n", "\n") then
    return "only line ends differ (CRLF and LF)", true
  end
  local rows = script(lines_of(old), lines_of(new))
  local parts, used, whole = {}, 0, true
  local found = hunks(rows)
  for at, hunk in ipairs(found) do
    local shown, complete = show_hunk(rows, hunk)
    if used + #shown > most then
      local more = #found - at + 1
      if at == 1 then parts[1] = text.cut_end(shown, most) end
      parts[#parts + 1] = ("[... the rest of %s left out ...]"):format(
        text.plural(more, "changed place"))
      whole = false
      break
    end
    parts[#parts + 1], used, whole = shown, used + #shown + 1, whole and complete
  end
  local valid, wrong = text.valid(table.concat(parts, "\n"))
  return valid, whole and wrong == 0
end

--- How many lines came and went, as a diff stat counts them.
---@param old string
---@param new string
---@return { added: integer, removed: integer }? counts nil for texts that are too large to compare
function diff.counts(old, new)
  if #old + #new > COUNTED_MOST then return nil end
  local counts = { added = 0, removed = 0 }
  if old == new then return counts end
  for _, row in ipairs(script(lines_of(old), lines_of(new))) do
    if row.sign == "+" then counts.added = counts.added + 1 end
    if row.sign == "-" then counts.removed = counts.removed + 1 end
  end
  return counts
end

return diff
