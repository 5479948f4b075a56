--- A question to the person at the terminal, with choices or for a line of their own. Host VM only.
local show = require "lib.show"
local text = require "lib.text"

local ask = {}

local TRIES      <const> = 3   -- answers that are no choice, before there is none
local COLUMNS    <const> = 79  -- of a terminal that does not say
local LEAST      <const> = 30
local LINES_MOST <const> = 200 -- of what is asked about
local WIDE       <const> = 0x1100 -- from here on a character may take two columns
local GUTTER     <const> = "  | "

---@class ask.Choice
---@field key  string what the person types: one letter
---@field word string what it means; also the answer

---@class ask.Question
---@field title      string one line
---@field lines      string[] what it is about; a line may have several lines of its own
---@field choices    ask.Choice[]? nil: any line is an answer
---@field default    string? the key that an empty line stands for; without choices the answer itself
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

--- What is asked about, each row behind a gutter.
local function body(lines, columns)
  local rows = {}
  for _, said in ipairs(lines) do
    for _, line in ipairs(text.lines(show.clean(said))) do
      for _, row in ipairs(wrap(line, columns - #GUTTER - 1)) do rows[#rows + 1] = row end
    end
  end
  if #rows > LINES_MOST then
    local left = #rows - LINES_MOST
    rows = table.move(rows, 1, LINES_MOST, 1, {})
    rows[#rows + 1] = ("[... %s not shown ...]"):format(text.plural(left, "more line"))
  end
  for i, row in ipairs(rows) do rows[i] = GUTTER .. row end
  return rows
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
  local rows = body(question.lines, columns)
  table.insert(rows, 1, show.brief(text.first_line(show.clean(question.title)), columns - 1))
  local asked = "\n" .. table.concat(rows, "\n") .. "\n" .. prompt_of(question)
  for _ = 1, TRIES do
    local line, err = cli.question(asked, question.timeout_ms)
    if not line then return nil, err end
    local word = mean(question, line)
    if word then return word end
    asked = prompt_of(question)
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
