--- What a final reply says of a handover: its trigger phrases with the place where each stands, and
--- those that it only repeats from the agent's own instructions. Pure.
local relations = require "lib.relations"
local text      = require "lib.text"

local evidence = {}

local LIST_LEAST <const> = 2 -- phrases one below the other as a list: the list of the instructions
local BARE_LEAST <const> = 3 -- the same without list marks, if they are all that the agent has

---@class evidence.Trigger
---@field to?    string the agent that it names; nil: nobody
---@field phrase string as the definition has it
---@field line   integer of the definition
---@field file   string the definition
---@field at     { line: integer, column: integer, text: string } in the reply; a column is a letter

--- A line as it is compared with one of the instructions: without what typing it anew changes.
local function plain(line)
  line = line:lower():gsub("\u{2018}", "'"):gsub("\u{2019}", "'"):gsub("\u{201C}", '"')
    :gsub("\u{201D}", '"'):gsub("\u{2013}", "-"):gsub("\u{2014}", "-")
  line = line:gsub("^%s*[-*+]%s+", ""):gsub("^%s*%d+[.)]%s+", ""):gsub("[*_`\"']", "")
  return text.trim((line:gsub("%s+", " ")))
end

local function is_item(line)
  return line:find("^%s*[-*+]%s+%S") ~= nil or line:find("^%s*%d+[.)]%s+%S") ~= nil
end

--- The offset at which each line begins.
local function line_starts(s)
  local starts, at = { 1 }, 1
  while true do
    at = s:find("\n", at, true)
    if not at then return starts end
    at = at + 1
    starts[#starts + 1] = at
  end
end

--- The line of an offset.
local function line_of_offset(starts, offset)
  local low, high = 1, #starts
  while low < high do
    local middle = (low + high + 1) // 2
    if starts[middle] <= offset then low = middle else high = middle - 1 end
  end
  return low
end

local function place(reply, starts, match)
  local number = line_of_offset(starts, match.from)
  local before = reply:sub(starts[number], match.from - 1)
  return { line = number, column = (utf8.len(before) or #before) + 1,
    text = reply:sub(match.from, match.to_offset) }
end

--- What of the reply's lines is nothing but one phrase, by line; and all lines, without blank ones.
local function lines_of(reply, found)
  local lines, by_number, number = {}, {}, 0
  for line in (reply .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if line:find("%S") then
      lines[#lines + 1] = { number = number, text = line, item = is_item(line) }
      by_number[number] = lines[#lines]
    end
  end
  for _, one in ipairs(found) do
    local line = by_number[one.at.line]
    if line and #plain(line.text) <= #plain(one.at.text) + 2 then line.phrase = one.phrase end
  end
  return lines
end

--- Stretches of lines one below the other that are nothing but phrases.
local function stretches(lines)
  local all, current = {}, nil
  for i, line in ipairs(lines) do
    if not line.phrase then
      current = nil
    else
      if not current then
        current = { before = lines[i - 1], lines = {}, phrases = {}, count = 0, items = true }
        all[#all + 1] = current
      end
      current.lines[#current.lines + 1] = line.number
      current.items = current.items and line.item
      if not current.phrases[line.phrase] then
        current.phrases[line.phrase] = true
        current.count = current.count + 1
      end
    end
  end
  return all
end

--- The lines of the reply that repeat the instructions' list of phrases: as a list of several,
--- below a line of the instructions, or all of them without marks.
local function echoed_lines(reply, found, body, phrases)
  local echoed, instructions = {}, {}
  for line in body:gmatch("[^\r\n]+") do
    local said = plain(line)
    if said ~= "" then instructions[said] = true end
  end
  for _, stretch in ipairs(stretches(lines_of(reply, found))) do
    local heading = stretch.before and instructions[plain(stretch.before.text)]
    if stretch.items and (stretch.count >= LIST_LEAST or heading)
      or stretch.count >= BARE_LEAST and stretch.count == phrases then
      for _, number in ipairs(stretch.lines) do echoed[number] = true end
    end
  end
  return echoed
end

local function count_phrases(edges)
  local count, seen = 0, {}
  for _, edge in ipairs(edges) do
    if edge.kind == "trigger" and not seen[edge.text] then
      seen[edge.text] = true
      count = count + 1
    end
  end
  return count
end

--- The trigger phrases of a final reply, in its order.
---@param who   { edges: table[], body: string, file: string? }
---@param reply string
---@return evidence.Trigger[] said, evidence.Trigger[] echoes
function evidence.of(who, reply)
  local found, starts = {}, nil
  for _, match in ipairs(relations.match_trigger(who.edges, reply)) do
    starts = starts or line_starts(reply)
    found[#found + 1] = { to = match.to, phrase = match.phrase, line = match.line,
      file = who.file, at = place(reply, starts, match) }
  end
  local said, echoes = {}, {}
  if #found == 0 then return said, echoes end
  local echoed = echoed_lines(reply, found, who.body or "", count_phrases(who.edges))
  for _, one in ipairs(found) do
    local list = echoed[one.at.line] and echoes or said
    list[#list + 1] = one
  end
  return said, echoes
end

return evidence
