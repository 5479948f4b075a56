--- Flowcharts written in Mermaid, read as far as who leads to whom.
---
--- A chart is { nodes = { [id] = { id, label, line } }, edges = { { from, to, label, line } } }, in
--- the order of the text; lines count from 1 in the text given. What is drawn but leads nowhere
--- (styles, classes, clicks, frames) is passed over; a line that cannot be read costs that line
--- only.
local mermaid = {}

local IGNORED = {
  style = true, classDef = true, class = true, linkStyle = true, click = true, subgraph = true,
  ["end"] = true, direction = true, accTitle = true, accDescr = true,
}
local CLOSERS = { ["["] = "]", ["("] = ")", ["{"] = "}", [">"] = "]" }
local MOST_LINES = 5000
local MOST_LINE = 4000 -- bytes; a longer one is passed over
local MOST_EDGES = 10000

local ENTITIES = { quot = '"', lt = "<", gt = ">", amp = "&", nbsp = " " }

--- Mermaid's codes for signs: `#quot;`, `#35;`.
local function decoded(label)
  return (label:gsub("#(%w+);", function(code)
    local number = code:find("^%d+$") and #code <= 7 and tonumber(code)
    if number then return number > 31 and number <= 0x10FFFF and utf8.char(number) or " " end
    return ENTITIES[code]
  end))
end

--- A label without its inner brackets, quotes, line breaks and codes: `[(x)]`, `["x"]`, `a<br/>b`.
local function plain(label)
  label = label:gsub("<[bB][rR]%s*/?>", " "):gsub("^[%s%[%(%{/\\]+", ""):gsub("[%s%]%}/\\]+$", "")
  if label:sub(-1) == ")" and not label:find("(", 1, true) then label = label:sub(1, -2) end
  label = label:gsub('^"(.*)"$', "%1"):gsub("%s+", " ")
  return decoded(label:match("^%s*(.*%S)") or "")
end

--- The shape that opens at `at`: its label and where it ends. Brackets of the same kind may stand
--- inside, and anything inside quotes.
local function shape(line, at)
  local open = line:sub(at, at)
  local close = CLOSERS[open]
  if not close then return nil, at end
  local depth, quoted = 0, false
  for i = at, #line do
    local c = line:sub(i, i)
    if c == '"' then quoted = not quoted
    elseif not quoted and c == open then depth = depth + 1
    elseif not quoted and c == close then
      depth = depth - 1
      if depth == 0 then return plain(line:sub(at + 1, i - 1)), i + 1 end
    end
  end
  return nil, at
end

local function node(chart, line, at, number)
  local id, after = line:match("^%s*([%w_][%w_.]*)()", at)
  if not id then return nil, at end
  local more, stop = line:match("^(%-[%w_][%w_.-]*)()", after)
  if more and not more:find("%-%-") then id, after = id .. more, stop end
  local label
  label, after = shape(line, after)
  after = line:match("^:::[%w_-]+()", after) or after
  local known = chart.nodes[id]
  if not known then
    known = { id = id, label = id, line = number }
    chart.nodes[id] = known
    chart.order[#chart.order + 1] = id
  end
  if label then known.label, known.line = label, number end
  return id, after
end

--- `A & B & C`: the ids, and where they end.
local function group(chart, line, at, number)
  local ids = {}
  repeat
    local id
    id, at = node(chart, line, at, number)
    if not id then return nil, at end
    ids[#ids + 1] = id
    local after = line:match("^%s*&()", at)
    at = after or at
  until not after
  return ids, at
end

--- An arrow at `at`: { label, back, hidden } and where it ends.
local function arrow(line, at)
  local back, run, after = line:match("^%s*(<?)([%-=~][%-=.~]+>?)()", at)
  if not run then return nil, at end
  local link = { back = back ~= "", hidden = run:find("~", 1, true) ~= nil }
  if run == "--" or run == "==" or run == "-." then -- the label stands inside the arrow
    local text, stop = line:match("^%s*(.-)%s*[%-=.][%-=.]+>?()", after)
    if not text then return nil, at end
    link.label, after = plain(text), stop
  end
  after = line:match("^[ox]()%f[%s|]", after) or after
  local text, stop = line:match("^%s*|(.-)|()", after)
  if text then link.label, after = plain(text), stop end
  return link, after
end

local function connect(chart, from, to, link, number)
  if link.hidden then return end
  for _, a in ipairs(from) do
    for _, b in ipairs(to) do
      local edges = chart.edges
      if #edges >= MOST_EDGES then return end
      edges[#edges + 1] = { from = a, to = b, label = link.label, line = number }
      if link.back then
        edges[#edges + 1] = { from = b, to = a, label = link.label, line = number }
      end
    end
  end
end

--- `A --> B & C --> D; E --> F`.
local function statement(chart, line, number)
  local from, at = group(chart, line, 1, number)
  while from do
    local link, to
    link, at = arrow(line, at)
    if link then to, at = group(chart, line, at, number) end
    if to then
      connect(chart, from, to, link, number)
      from = to
    else
      at = line:match("^%s*;()", at)
      if not at then return end
      from, at = group(chart, line, at, number)
    end
  end
end

--- Reads a flowchart.
---@param text string the code block's text
---@return table|nil chart nil when the text is another kind of diagram
function mermaid.flowchart(text)
  local chart = { nodes = {}, order = {}, edges = {} }
  local number, begun = 0, false
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    local word = line:match("^%s*([%w_-]+)")
    local comment = line:find("^%s*%%%%")
    local written = #line <= MOST_LINE and line:find("%S") and not comment
    if number > MOST_LINES then break end
    if written and not begun then
      if word ~= "flowchart" and word ~= "graph" then return nil end
      begun = true
    elseif written and not IGNORED[word] then
      statement(chart, line, number)
    end
  end
  return begun and chart or nil
end

return mermaid
