--- A question to the person at the terminal, with choices or for a line of their own. Host VM only.
local show = require "lib.show"
local text = require "lib.text"

local ask = {}

local TRIES      <const> = 3   -- answers that are no choice, before there is none
local COLUMNS    <const> = 79  -- of a terminal that does not say
local LEAST      <const> = 30
local ROWS_MOST  <const> = 200 -- of what is asked about
local FACTS_MOST <const> = 40  -- rows of what the host says about it
local BYTES_MOST <const> = 24 * 1024 -- of either; cli.question takes 32 KB
local WIDE       <const> = 0x1100 -- from here on a character may take two columns
local GUTTER     <const> = "  | " -- before each row of what is asked about, and before no other
local MARGIN     <const> = "  "   -- before what the host says about it
local FURTHER    <const> = "  "   -- before each further row of an entry, so that it looks like none

---@class ask.Choice
---@field key  string what the person types: one letter
---@field word string what it means; also the answer
---@field whole? boolean offered only where nothing of what is asked about was left out

---@class ask.Question
---@field title      string one line
---@field lines      string[] what it is about; a line may have several lines of its own
---@field facts?     string[] what the host says about it, below and told apart from it
---@field kept?      string a fact that is shown with the choices that need the whole
---@field choices    ask.Choice[]? nil: any line is an answer
---@field default    string? the key that an empty line stands for; without choices the answer
---@field timeout_ms integer

--- Cuts a line into pieces that fit, so that no terminal wraps it: what a stranger wrote never
--- begins a row of its own.
local function wrap(line, columns)
  local rows, from, width = {}, 1, 0
  for at, code in utf8.codes(line) do
    local wide = code == 9 and 8 or code >= WIDE and 2 or 1
    if width + wide > columns then
      rows[#rows + 1] = line:sub(from, at - 1)
      from, width = at, 0
    end
    width = width + wide
  end
  rows[#rows + 1] = line:sub(from)
  return rows
end

--- Head and tail of the rows, as far as they may be shown; what a stranger wants to be overlooked
--- stands at an end as well as in the middle.
local function bounded(rows, most)
  local head, tail, bytes = 0, #rows + 1, 0
  while head + 1 < tail and head + #rows - tail + 1 < most do
    local at = head <= #rows - tail and head + 1 or tail - 1
    bytes = bytes + #rows[at] + #GUTTER + 1
    if bytes > BYTES_MOST then break end
    if at == head + 1 then head = at else tail = at end
  end
  local left = tail - head - 1
  if left == 0 then return rows, true end
  local shown = table.move(rows, 1, head, 1, {})
  shown[#shown + 1] = ("[... %s not shown ...]"):format(text.plural(left, "more line"))
  return table.move(rows, tail, #rows, #shown + 1, shown), false
end

--- Entries as rows behind `before`; false when not all of them are shown.
local function body(entries, columns, before, most)
  local rows = {}
  for _, said in ipairs(entries) do
    local first = true
    for _, line in ipairs(text.lines(show.clean(said))) do
      for _, row in ipairs(wrap(line, columns - #before - #FURTHER - 1)) do
        rows[#rows + 1] = first and row or FURTHER .. row
        first = false
      end
    end
  end
  local shown, whole = bounded(rows, most)
  for i, row in ipairs(shown) do shown[i] = before .. row end
  return shown, whole
end

--- The choices that may be offered.
local function offered(question, whole)
  if not question.choices then return nil end
  local choices = {}
  for _, choice in ipairs(question.choices) do
    if whole or not choice.whole then choices[#choices + 1] = choice end
  end
  return choices
end

local function choices_of(question)
  local said = {}
  for i, choice in ipairs(question.choices) do
    local default = choice.key == question.default and " (default)" or ""
    said[i] = ("[%s] %s%s"):format(choice.key, choice.word, default)
  end
  return "  " .. table.concat(said, "  ") .. ": "
end

--- The choice that a typed line means.
local function meant(question, line)
  local typed = text.trim(text.valid(line)):lower()
  if typed == "" then typed = question.default end
  for _, choice in ipairs(question.choices) do
    if typed == choice.key or typed == choice.word:lower() then return choice.word end
  end
end

--- Any line; an empty one is the default, or none.
local function any_line(question, line)
  local typed = text.trim(text.valid(line))
  if typed ~= "" then return typed end
  return question.default
end

--- What stands before the cursor.
local function prompt_of(question)
  if question.choices then return choices_of(question) end
  return question.default and ("  [%s]: "):format(show.clean(question.default)) or "  : "
end

--- Asks, and answers the word of the choice that was taken, or what was typed. No answer is an
--- error: "unavailable" (nobody is there), "timeout", "waiting" (the person gave none).
---@async
---@param cli      table
---@param question ask.Question
---@return string? word, Error? err
function ask.put(cli, question)
  local mean = question.choices and meant or any_line
  local columns = math.max(cli.columns() or COLUMNS, LEAST)
  local rows, whole = body(question.lines, columns, GUTTER, ROWS_MOST)
  local facts = table.move(question.facts or {}, 1, #(question.facts or {}), 1, {})
  if whole then facts[#facts + 1] = question.kept end
  local said, told = body(facts, columns, MARGIN, FACTS_MOST)
  local asking = { choices = offered(question, whole and told), default = question.default }
  table.move(said, 1, #said, #rows + 1, rows)
  table.insert(rows, 1, show.brief(text.first_line(show.clean(question.title)), columns - 1))
  local asked = "\n" .. table.concat(rows, "\n") .. "\n" .. prompt_of(asking)
  for _ = 1, TRIES do
    local line, err = cli.question(asked, question.timeout_ms)
    if not line then return nil, err end
    local word = mean(asking, line)
    if word then return word end
    asked = prompt_of(asking)
  end
  return nil, { code = "waiting", message = question.choices
    and "what was answered is none of the choices" or "nothing was answered" }
end

--- `ask.put` for a session: while a question stands, what happens meanwhile is held back from
--- whoever watches, so that it does not run over the question.
---@param cli  table
---@param sink fun(event: table)
---@return fun(question: ask.Question): string?, Error? choose, fun(event: table) sink
function ask.beside(cli, sink)
  local open, held = 0, {}
  local function release()
    open = open - 1
    if open > 0 then return end
    local events = held
    held = {}
    for _, event in ipairs(events) do sink(event) end
  end
  return function(question)
    open = open + 1
    local _ <close> = setmetatable({}, { __close = release })
    return ask.put(cli, question)
  end, function(event)
    if open > 0 then held[#held + 1] = event else sink(event) end
  end
end

return ask
