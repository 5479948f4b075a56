--- A scenario out of a recording: the same replies, to be rehearsed without its requests. Host VM
--- only. What stands in the file was written by strangers; nothing of it becomes code.
local cassette = require "lib.cassette"
local json = require "lib.json"
local rehearsal = require "lib.rehearsal"

local recorded = {}

---@class recorded.Exchange
---@field head   string "POST URL", and headers
---@field body   string
---@field pieces string[] of the answer
---@field status integer?

-- the file ---------------------------------------------------------------------------------------

--- Bytes of a value: a text, or what stands as { hex = "..." }.
local function bytes_of(value)
  if type(value) == "string" then return value end
  local hex = type(value) == "table" and value ~= json.null and value.hex
  if type(hex) ~= "string" or hex:find "%X" or #hex % 2 == 1 then return nil end
  return (hex:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

--- What a line adds to the exchanges; false when it is none of ours. What it does not need
--- is passed over: --replay reads strictly.
local function take(exchanges, line)
  if line.request then
    local head, body = bytes_of(line.head), bytes_of(line.body)
    if line.request ~= #exchanges + 1 or not head or not body then return false end
    exchanges[line.request] = { head = head, body = body, pieces = {} }
    return true
  end
  local exchange = exchanges[line.head or line.data]
  if line.data then
    local piece = exchange and bytes_of(line.bytes)
    if not piece then return false end
    exchange.pieces[#exchange.pieces + 1] = piece
  elseif line.head then
    if not exchange then return false end
    exchange.status = line.status
  end
  return true
end

---@param text string a recording
---@param file string for errors
---@return cassette.About? about, recorded.Exchange[]|Error
local function read(text, file)
  local about, exchanges, number = nil, {}, 0
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    if number == 1 then
      local err
      local raw = line:match '^{"cassette":1,"about":(.*)}$'
      if not raw then
        return nil, { code = "invalid", retryable = false,
          message = ("%s is no recording of this version"):format(file) }
      end
      about, err = cassette.read(raw, file)
      if not about then return nil, err end
    else
      local value = json.decode(line)
      if type(value) ~= "table" or value == json.null or not take(exchanges, value) then
        return nil, { code = "invalid", retryable = false,
          message = ("recording %s: line %d: no line of a recording"):format(file, number) }
      end
    end
  end
  if not about then
    return nil, { code = "invalid", message = file .. " is no recording", retryable = false }
  end
  return about, exchanges
end

-- replies ----------------------------------------------------------------------------------------

--- The reply that an event stream makes, or nil.
local function reply_of(dialect, stream)
  local state = dialect.begin()
  stream = stream:gsub("\r\n?", "\n") .. "\n\n"
  for block in stream:gmatch "(.-)\n\n+" do
    local name, data = "", {}
    for line in (block .. "\n"):gmatch "(.-)\n" do
      local field, value = line:match "^(%a+): ?(.*)$"
      if field == "event" then name = value end
      if field == "data" then data[#data + 1] = value end
    end
    if data[1] and not state.done then dialect.event(state, name, table.concat(data, "\n")) end
  end
  return dialect.finish(state)
end

--- The dialect in which an exchange was held; nil for traffic of tools.
local function dialect_of(about, exchange)
  local url = exchange.head:match "^POST ([^\n]+)"
  for _, provider in pairs(about.providers) do
    if url and url:sub(1, #provider.base_url) == provider.base_url
      and rehearsal.can_serve(provider.dialect) then
      return provider.dialect
    end
  end
end

--- The conversation of which this is the next turn. Conversations of one agent may go on side by
--- side: they are told apart by how they began and how far they are.
local function conversation(visits, given)
  if given.turn == 1 then
    visits[#visits + 1] = { first = given.first }
    return visits[#visits]
  end
  for _, visit in ipairs(visits) do
    if #visit == given.turn - 1 and visit.first == given.first then return visit end
  end
end

--- Replies by agent and visit, with what they were given.
---@return table<string, table[]> agents, integer used, integer left out
local function replies_of(about, exchanges)
  local agents, used, left = {}, 0, 0
  for _, exchange in ipairs(exchanges) do
    local name = dialect_of(about, exchange)
    local given = name and rehearsal.from_wire(exchange.body, name)
    local reply = given and exchange.status == 200 -- whether it was whole its dialect knows
      and reply_of(require("dialects." .. name), table.concat(exchange.pieces))
    local visits = given and agents[given.agent] or {}
    local visit = reply and conversation(visits, given)
    if visit then
      visit[#visit + 1] = { given = given, reply = reply }
      agents[given.agent] = visits
      used = used + 1
    elseif name then
      left = left + 1
    end
  end
  return agents, used, left
end

-- as Lua -----------------------------------------------------------------------------------------

--- A text as Lua, in one line.
local function quote(text) return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\t", "\\t")) end

local function quoted_list(texts)
  local list = {}
  for i, text in ipairs(texts) do list[i] = quote(text) end
  return table.concat(list, ", ")
end

--- What a turn must have been given: at first the tools, then what its calls came to.
local function expectation(given)
  if given.turn == 1 then
    if #given.tools == 0 then return 'rehearse.anything("it was offered no tools")' end
    return ("rehearse.tools(%s)"):format(quoted_list(given.tools))
  end
  local parts, seen = { ("rehearse.results(%d)"):format(#given.results) }, {}
  for _, result in ipairs(given.results) do
    local part = ("rehearse.%s(%s)"):format(result.error and "failure" or "result",
      quote(result.name))
    if not seen[part] then parts[#parts + 1] = part end
    seen[part] = true
  end
  if not parts[2] then return parts[1] end
  return ("rehearse.all { %s }"):format(table.concat(parts, ", "))
end

local function turn_lines(lines, turn)
  local said, thought, calls = {}, {}, {}
  for _, block in ipairs(turn.reply.content) do
    if block.type == "text" then said[#said + 1] = block.text end
    if block.type == "thinking" then thought[#thought + 1] = block.text end
    if block.type == "call" then calls[#calls + 1] = block end
  end
  local function line(...) lines[#lines + 1] = (...):format(select(2, ...)) end
  line("        {")
  line("          expect = %s,", expectation(turn.given))
  if thought[1] then line("          thinking = %s,", quote(table.concat(thought))) end
  if said[1] or not calls[1] then line("          text = %s,", quote(table.concat(said))) end
  if calls[1] then
    line("          calls = {")
    for _, call in ipairs(calls) do
      line("            { %s, %s },", quote(call.name), quote(call.input))
    end
    line("          },")
  end
  line("        },")
end

---@param text string the recording
---@param file string its name, for errors
---@return string? lua, Error? err, integer? left replies that are not in it: failed, or cut
function recorded.scenario(text, file)
  local about, exchanges = read(text, file)
  if not about then return nil, exchanges end
  local agents, used, left = replies_of(about, exchanges)
  if used == 0 then
    return nil, { code = "invalid", retryable = false,
      message = ("recording %s: no model's reply in it"):format(file) }
  end
  local names, lines = {}, {
    "--- Made from a recording. What the workspace held then belongs into `files`.",
    'local rehearse = require "lib.rehearse"', "",
    "return {", ("  task = %s,"):format(quote(about.task)), "  agents = {",
  }
  for name in pairs(agents) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("    [%s] = {"):format(quote(name))
    for _, visit in ipairs(agents[name]) do
      lines[#lines + 1] = "      {"
      for _, turn in ipairs(visit) do turn_lines(lines, turn) end
      lines[#lines + 1] = "      },"
    end
    lines[#lines + 1] = "    },"
  end
  lines[#lines + 1] = "  },\n}\n"
  return table.concat(lines, "\n"), nil, left
end

return recorded
