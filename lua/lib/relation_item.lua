--- One item of a list of relations: who is named there, and what its author says about it. Pure.
local NOBODY = { ["none"] = true, ["n/a"] = true, ["nobody"] = true, ["no one"] = true }
local BEFORE_REASON = { ["for"] = true, to = true, when = true, ["if"] = true, on = true }
local ARROWS = { "\u{2192}", "\u{27A1}\u{FE0F}", "\u{27A1}", "\u{21D2}", "=>", "->" }
local DELIMITERS = { " (", ": ", " - ", " \u{2013} ", " \u{2014} ", " \u{2192} " }
local JOINTS = { ",", "and%f[%W]", "or%f[%W]", "&", "/", "%+" }
local MOST_WORDS = 5 -- a group of people has a short name; what is longer is prose
local USER = { ["user"] = true, ["users"] = true, ["the user"] = true }

-- == words ========================================================================================

local function trim(text) return text:match("^%s*(.*%S)") or "" end

--- Without the icons in front: words that hold no letter or digit, unless nothing else is there.
local function without_icons(text)
  local rest = trim(text)
  local first = rest:find("%w")
  return first and rest:sub(rest:sub(1, first):match("^.*%s()") or 1) or rest
end

--- True for "062-backend-senior".
local function numbered_name(word) return word:find("^%d+%-%a[%w_]*%-") ~= nil end

--- True for a word that, where agents are spoken of, can only be the name of one: numbered, or
--- "audit-trail-agent".
local function certain_name(word)
  return numbered_name(word) or word:find("%-guardian$") ~= nil or word:find("%-agent$") ~= nil
end

--- True for one word with a hyphen inside; in a list of relations that is a name.
local function name_like(word) return word:find("^[%w_][%w_.]*%-[%w_.-]*[%w_]$") ~= nil end

--- All names in a text, in order; `known` makes names of words that do not look like one. Where
--- nothing says that agents are meant (`strict`), "user-agent" is no name unless it is known.
local function names_in(text, known, strict)
  local found = {}
  for word in text:gmatch("[%w_][%w_-]*") do
    word = word:gsub("%-+$", "")
    local certain = strict and numbered_name(word) or not strict and certain_name(word)
    if certain or (known and known[word] and word:find("-", 1, true)) then
      found[#found + 1] = word
    end
  end
  return found
end

local function first_of(text, marks)
  local from, to
  for _, mark in ipairs(marks) do
    local a, b = text:find(mark, 1, true)
    if a and (not from or a < from) then from, to = a, b end
  end
  return from, to
end

--- What follows a target, without brackets, colon or dash: the author's reason.
local function reason(rest)
  rest = trim(rest)
  for _, mark in ipairs { ":", "-", ",", "\u{2013}", "\u{2014}", "\u{2192}" } do
    if rest:sub(1, #mark) == mark then rest = trim(rest:sub(#mark + 1)) end
  end
  local inner = rest:match("^(%b())[%s.]*$")
  if inner then return trim(inner:sub(2, -2)) end
  return (rest:gsub("^%(%s*", ""))
end

--- The text of a block. Lines that only cling to a list item, because the author left no blank line
--- before the next paragraph, are not the item's.
local function speech(block)
  local text = block.clean or block.text or ""
  if not text:find("\n", 1, true) then return trim(text) end
  local source, lines = {}, {}
  for line in ((block.source or "") .. "\n"):gmatch("(.-)\r?\n") do source[#source + 1] = line end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    local own = #lines == 0 or (source[#lines + 1] or ""):find("^[ \t]")
    if not own then break end
    lines[#lines + 1] = trim(line)
  end
  return table.concat(lines, " ")
end

-- == one item of a list ===========================================================================

--- The first words in bold, when nothing but icons stands before them.
local function bold(block)
  local source = (block.source or ""):gsub("^%s*[-*+]%s+", ""):gsub("^%s*%d+[.)]%s+", "")
  local before, inner, after = source:match("^(.-)%*%*(.-)%*%*(.*)$")
  if inner and not before:find("%w") then return trim(inner:gsub("`", "")), after end
end

--- Target and reason of an item, nil when it is prose. Where the section does not say that it is
--- about agents (`strict`), only a name or the user is a target.
local function target_of(block, known, strict)
  local text = without_icons(speech(block))
  local target, rest = bold(block)
  if target then
    local code, after = rest:match("^%s*:?%s*`([^`]+)`(.*)$")
    if code and not name_like(target) then return code, trim(target .. " " .. reason(after)) end
    target = target:gsub(":$", "")
    local _, stop = text:find(target, 1, true)
    rest = stop and text:sub(stop + 1) or ""
  else
    local word = text:match("^[%w_][%w_.-]*") or ""
    word = word:gsub("[.-]+$", "")
    rest = text:sub(#word + 1)
    if name_like(word) and (not strict or rest == "" or rest:find("^%s*[%(:]")) then
      target = word
    elseif USER[word:lower()] and BEFORE_REASON[rest:match("^%s+(%a+)%s")] then
      target = word
    else
      local from = first_of(text, DELIMITERS)
      target = trim(from and text:sub(1, from - 1) or text):gsub(":$", "")
      rest = from and text:sub(from) or ""
      if not from and text:find("%.$") then return nil end
    end
  end
  local _, words = target:gsub("%S+", "")
  local low = target:lower()
  if words == 0 or words > MOST_WORDS or NOBODY[low] then return nil end
  if strict and not certain_name(target) and not known[target] and not USER[low] then return nil end
  return target, reason(rest)
end

--- The words in bold behind an arrow when nothing but "and", "or" or a comma stands between them:
--- two targets of one condition, which may be groups.
local function bold_list(source)
  local _, stop = first_of(source, ARROWS)
  if not stop then return nil end
  local found, at = {}, source:match("^%s*()", stop + 1)
  while true do
    local inner, after = source:match("^%*%*%s*(.-)%s*%*%*()", at)
    if not inner or inner == "" then break end
    found[#found + 1] = inner:gsub("`", "")
    at = after
    for _, joint in ipairs(JOINTS) do at = source:match("^%s*" .. joint .. "%s*()", at) or at end
  end
  return #found > 1 and found or nil
end

--- "If CONDITION -> TARGET [and TARGET]": the condition and the targets.
local function condition_of(block, known, strict)
  local text = without_icons(speech(block))
  local from, to = first_of(text, ARROWS)
  local left, right = text:sub(1, (from or 1) - 1), to and text:sub(to + 1) or text
  local found = not strict and bold_list(block.source or "") or names_in(right, known)
  if not from then
    if #found == 0 or not text:find("^[IiWw][fh]") then return nil end
    left = text:sub(1, (text:find(found[1], 1, true)) - 1):gsub("[%s:,-]+$", "")
  end
  left = trim(left):gsub("^[Ii]f%s+", "")
  if #found == 0 and not strict then
    local whole = trim(right):gsub("%s*%b()[%s.]*$", ""):gsub("[.%s]+$", "")
    if whole ~= "" then found[1] = whole end
  end
  return left, found
end

local QUOTES = { ['"'] = '"', ["\u{201C}"] = "\u{201D}", ["\u{201E}"] = "\u{201C}", ["'"] = "'" }

local function phrase_of(text)
  text = without_icons(text)
  for open, close in pairs(QUOTES) do
    if text:sub(1, #open) == open then
      local from = text:find(close, #open + 1, true)
      local last = from
      while from do
        last, from = from, text:find(close, from + #close, true)
      end
      if last then return trim(text:sub(#open + 1, last - 1)) end
    end
  end
  return text
end

return {
  USER = USER, trim = trim, without_icons = without_icons, name_like = name_like,
  names_in = names_in, has_arrow = function(text) return first_of(text, ARROWS) ~= nil end,
  speech = speech, target_of = target_of, condition_of = condition_of, phrase_of = phrase_of,
}
