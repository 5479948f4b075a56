--- What the host asks of a dialect that is not the distribution's. Runs in the decision VM, where
--- `entry(path)` loads such a file: whoever wrote it, its functions answer plain data that is
--- checked here, and a mistake is told with file and line. lib/dialect.lua is the other side.
---
--- The state of a reply stays here while the reply comes. It may be lost, when another script broke
--- this VM or too many replies come at once; it can be made again of the same pieces, since a
--- dialect's functions are pure.
local schema = require "lib.schema"
local text   = require "lib.text"

local calls = {}

local STATES_MOST <const> = 256 -- replies under way; of more the oldest is heard anew

local FUNCTIONS <const> = { "encode", "request", "begin", "event", "finish", "failure" }
local MAY_MISS  <const> = { "count", "counted", "wants_legacy" }
local KNOWN     <const> = { "name", "form", "stream", "habits", "serves",
  table.unpack(FUNCTIONS) }
table.move(MAY_MISS, 1, #MAY_MISS, #KNOWN + 1, KNOWN)

--- The author's mistake, at the function that made it.
local function mistake(path, field, what)
  local function_ = entry(path)[field]
  local line = type(function_) == "function" and line_of(function_, path)
  error(("%s%s: %s %s"):format(path, line and ":" .. line or "", field, what), 0)
end

--- What a function answered. What it raised elsewhere, as in what it requires, is told at its line.
local function answered(path, field, ok, ...)
  if ok then return ... end
  local err = ...
  if type(err) ~= "string" or err:sub(1, #path + 1) == path .. ":" then error(err, 0) end
  mistake(path, field, "failed: " .. err)
end

local function use(path, field, ...)
  return answered(path, field, pcall(entry(path)[field], ...))
end

local function kind_of(value) return value == nil and "nothing" or "a " .. type(value) end

-- what a file says --------------------------------------------------------------------------------

local function optional(name, node) return { name, node, "", optional = true } end

local FORM <const> = schema.object {
  optional("all_required", schema.boolean {}), optional("object_root", schema.boolean {}),
  optional("without_tools", schema.boolean {}), optional("older", schema.boolean {}),
}
local HABITS <const> = schema.map { of = schema.list { of = schema.text { min = 1 }, min = 1 } }
local SERVES <const> = schema.map { of = schema.text { min = 1, pattern = '"type":"[%w_]+"' } }
local STREAM <const> = schema.object {
  { "types", schema.list { of = schema.text { min = 3 }, min = 1 }, "" },
  { "frames", schema.enum { "lines", "bytes" }, "" },
}

local function invalid(path, what)
  return nil, { code = "invalid", retryable = false, message = ("%s: %s"):format(path, what) }
end

--- What a dialect's file says of itself, as data.
---@param path string
---@param name string the file's
---@return table? declaration, Error? err
function calls.declare(path, name)
  local file = entry(path)
  for _, key in ipairs(text.sorted_keys(file)) do
    if not text.one_of(KNOWN, key) then
      return invalid(path, ("unknown key %q%s"):format(key, text.suggest(key, KNOWN)))
    end
  end
  if file.name ~= name then
    return invalid(path, ("name is %s; it should be %q, as the file's"):format(
      type(file.name) == "string" and ("%q"):format(file.name) or kind_of(file.name), name))
  end
  for _, field in ipairs(FUNCTIONS) do
    if type(file[field]) ~= "function" then
      return invalid(path, ("%s is %s; it should be a function"):format(field,
        file[field] == nil and "missing" or kind_of(file[field])))
    end
  end
  for _, field in ipairs(MAY_MISS) do
    if file[field] ~= nil and type(file[field]) ~= "function" then
      return invalid(path, ("%s is %s; it should be a function"):format(field,
        kind_of(file[field])))
    end
  end
  if file.count and not file.counted then
    return invalid(path, "counted is missing: what the answer to count says")
  end
  local said = { counts = file.count ~= nil, older = file.wants_legacy ~= nil }
  for key, form in pairs { form = FORM, stream = STREAM, habits = HABITS, serves = SERVES } do
    if file[key] ~= nil then
      local problems
      said[key], problems = schema.check(form, file[key], key)
      if problems then return invalid(path, problems[1].message) end
    end
  end
  return said
end

-- messages out ------------------------------------------------------------------------------------

--- Messages as JSON texts, each to be kept by the caller.
---@return string[] fragments
function calls.encode(path, messages, habits)
  local fragments = {}
  for i, message in ipairs(messages) do
    local fragment = use(path, "encode", message, habits)
    if type(fragment) ~= "string" or not fragment:find("%S") then
      mistake(path, "encode", ("answers %s; it should answer JSON as text")
        :format(fragment == "" and "no text" or kind_of(fragment)))
    end
    fragments[i] = fragment
  end
  return fragments
end

local HEADER <const> = schema.list { of = schema.text {}, min = 2, max = 2 }
local REQUEST <const> = schema.object {
  { "method", schema.enum { "POST", "GET" }, "" },
  { "path", schema.text { min = 1 }, "" },
  { "headers", schema.list { of = HEADER }, "" },
  optional("body", schema.text {}),
  optional("secret_header", schema.text { min = 1 }), optional("secret_prefix", schema.text {}),
}

--- What is wrong with a path that goes behind the server's address: it must stay below that.
local function astray(path)
  if not path:find("^/[%w%-%._~!$&'()*+,;=:@/%%?]*$") then
    return "is no path: it begins with /, and anything else but letters, digits and .-_~ is %XX"
  end
  local plain = path:gsub("%?.*$", ""):gsub("%%2[eE]", "."):gsub("%%2[fF]", "/")
  for part in plain:gmatch("[^/]+") do
    if part == "." or part == ".." then return "leads out of the server's address" end
  end
end

local function built(path, field, req)
  local made = use(path, field, req)
  local checked, problems = schema.check(REQUEST, made, "request")
  if not checked then mistake(path, field, "answers no request: " .. problems[1].message) end
  local what = astray(checked.path)
  if what then
    mistake(path, field, ("answers the path %q, which %s"):format(checked.path, what))
  end
  return checked
end

---@param req DialectRequest
---@return HttpRequest
function calls.request(path, req) return built(path, "request", req) end

---@param req DialectRequest
---@return HttpRequest
function calls.count(path, req) return built(path, "count", req) end

---@return integer? tokens
function calls.counted(path, body)
  local tokens = use(path, "counted", body)
  if tokens ~= nil and (math.type(tokens) ~= "integer" or tokens < 0) then
    mistake(path, "counted", "answers no count of tokens")
  end
  return tokens
end

-- failures ----------------------------------------------------------------------------------------

--- The codes that may be a server's doing.
local CODES <const> = { "invalid", "denied", "not_found", "unavailable", "timeout", "limit",
  "protocol" }
local DETAILS <const> = schema.object {
  optional("status", schema.integer {}), optional("retry_after_ms", schema.integer { min = 0 }),
  optional("type", schema.text {}), optional("reason", schema.text {}),
  optional("request_id", schema.text {}), optional("partial", schema.text {}),
  optional("busy", schema.boolean {}), optional("in_stream", schema.boolean {}),
}
local FAILURE <const> = schema.object {
  { "code", schema.enum { table.unpack(CODES) }, "" },
  { "message", schema.text { min = 1 }, "" },
  optional("retryable", schema.boolean {}), optional("details", DETAILS),
}

local function checked_failure(path, field, err)
  local checked, problems = schema.check(FAILURE, err, "error")
  if not checked then mistake(path, field, "answers no error: " .. problems[1].message) end
  checked.retryable, checked.details = checked.retryable == true, checked.details or {}
  return checked
end

---@return Failure
function calls.failure(path, status, headers, body)
  return checked_failure(path, "failure", (use(path, "failure", status, headers, body)))
end

---@return boolean
function calls.wants_legacy(path, err) return use(path, "wants_legacy", err) == true end

-- the stream in -----------------------------------------------------------------------------------

local STOPS <const> = { "end", "calls", "length", "refusal", "pause", "context", "other" }
local COUNT <const> = schema.integer { min = 0 }
local USAGE <const> = schema.object {
  optional("input", COUNT), optional("output", COUNT), optional("cache_read", COUNT),
  optional("cache_write", COUNT), optional("searches", COUNT),
  optional("fetches", COUNT), optional("code_runs", COUNT),
  optional("usd", schema.number { min = 0 }),
}

--- What is wrong with a text that people and the journal are shown.
local function no_text(value)
  if type(value) ~= "string" then return ("is %s, not text"):format(kind_of(value)) end
  if not utf8.len(value) then return "is no UTF-8" end
end

local function no_usage(value)
  local _, problems = schema.check(USAGE, value, "usage")
  return problems and ("is none: " .. problems[1].message)
end

local function no_stop(value)
  if not text.one_of(STOPS, value) then
    return ("is %s, none of %s"):format(type(value) == "string" and ("%q"):format(value)
      or kind_of(value), table.concat(STOPS, ", "))
  end
end

local LINE <const> = schema.text { max = 2000 }
local USE <const> = schema.object {
  { "tool", schema.text { min = 1, max = 200 }, "" },
  optional("what", LINE), optional("error", LINE), optional("exit_code", schema.integer {}),
  optional("files", schema.list { max = 50, of = schema.object {
    { "id", LINE, "" }, optional("name", LINE) } }),
}

--- What is wrong with a list of what the server did, or of what it cites.
local function no_list(of)
  local node = schema.list { of = of, max = 1000 }
  return function(value)
    local _, problems = schema.check(node, value, "list")
    return problems and ("is none: " .. problems[1].message)
  end
end

--- What each kind of event has: name, what is wrong with a value, and whether it may be missing.
local EVENTS <const> = {
  text = { { "text", no_text } }, thinking = { { "text", no_text } },
  call = { { "id", no_text }, { "name", no_text }, { "input", no_text } },
  usage = { { "usage", no_usage } },
  stop = { { "stop", no_stop }, { "stop_raw", no_text, true } },
}

--- A table with the named fields and no more; nil and what is wrong with it.
local function fields_of(value, fields)
  local made, count = {}, 0
  for _, field in ipairs(fields) do
    local name, wrong, may_miss = field[1], field[2], field[3]
    local given = value[name]
    if given ~= nil or not may_miss then
      local what = wrong(given)
      if what then return nil, ("%s %s"):format(name, what) end
      made[name], count = given, count + 1
    end
  end
  return made, nil, count
end

local function checked_event(path, event)
  if type(event) ~= "table" then
    mistake(path, "event", ("answers %s in its list of events"):format(kind_of(event)))
  end
  local kind = event.kind
  if kind == "error" then
    return { kind = kind, err = checked_failure(path, "event", event.err) }
  elseif kind == "served" then
    local served = {}
    for key, value in pairs(event) do served[key] = value end
    served.kind = nil
    local _, problems = schema.check(USE, served, "served")
    if problems then mistake(path, "event", "answers " .. problems[1].message) end
    served.kind = kind
    return served
  end
  local fields = EVENTS[kind]
  if not fields then
    mistake(path, "event", ("answers an event of kind %s; there are text, thinking, call, usage, "
      .. "stop, served and error"):format(
      type(kind) == "string" and ("%q"):format(kind) or kind_of(kind)))
  end
  local made, what = fields_of(event, fields)
  if not made then mistake(path, "event", ("answers a %s whose %s"):format(kind, what)) end
  made.kind = kind
  return made
end

---@class dialect_calls.Reply a reply that comes
---@field state  table of the dialect
---@field count  integer pieces heard

local replies, order = {}, {} -- by number; numbers, oldest first

local function forget(number)
  replies[number] = nil
  for i, one in ipairs(order) do
    if one == number then
      table.remove(order, i)
      break
    end
  end
end

--- The reply of that number, of which so many pieces were heard; a new one where none were. Nil
--- where its state is lost.
local function reply_of(path, number, count, habits)
  local reply = replies[number]
  if count == 0 then
    if reply then forget(number) end
    local state = use(path, "begin", habits)
    if type(state) ~= "table" then
      mistake(path, "begin", ("answers %s; it should answer a table"):format(kind_of(state)))
    end
    reply = { state = state, count = 0 }
    replies[number], order[#order + 1] = reply, number
    if #order > STATES_MOST then forget(order[1]) end
  end
  return reply and reply.count == count and reply or nil
end

--- Pieces of a reply in, our events out.
---@param number integer tells replies apart
---@param count  integer pieces heard before
---@param habits table<string, string> of the server
---@param pieces { name: string?, data: string }[]
---@return { lost: boolean?, events: DialectEvent[]?, done: boolean? }
function calls.hear(path, number, count, habits, pieces)
  local reply = reply_of(path, number, count, habits)
  if not reply then return { lost = true } end
  local events = {}
  reply.count = -1 -- where it raises, this state is of no more use
  for _, piece in ipairs(pieces) do
    if reply.state.done then break end
    local made = use(path, "event", reply.state, piece.name or "message", piece.data)
    if type(made) ~= "table" then
      mistake(path, "event", ("answers %s; it should answer a list of events")
        :format(kind_of(made)))
    end
    for _, event in ipairs(made) do events[#events + 1] = checked_event(path, event) end
  end
  reply.count = count + #pieces
  return { events = events, done = reply.state.done == true }
end

local REFUSAL <const> = { { "category", no_text, true }, { "explanation", no_text, true } }
local BLOCKS <const> = {
  text = { { "text", no_text } }, thinking = { { "text", no_text } },
  call = { { "id", no_text }, { "name", no_text }, { "input", no_text } }, opaque = {},
}

--- What may stand in any block: what of it goes back unchanged.
local function add_opaque(path, made, block)
  made.partial = block.partial == true or nil
  if block.opaque == nil then
    return made.type == "opaque" and "opaque is missing" or nil
  end
  local what = no_text(block.opaque)
  if what then return "opaque " .. what end
  local name = entry(path).name
  if block.dialect ~= name then
    return ("opaque is for the dialect %s; it should be %q, which reads it again"):format(
      type(block.dialect) == "string" and ("%q"):format(block.dialect) or kind_of(block.dialect),
      name)
  end
  made.opaque, made.dialect = block.opaque, name
end

local function checked_block(path, block, ids)
  local fields = type(block) == "table" and BLOCKS[block.type]
  if not fields then return nil, "is no text, call, thinking or opaque" end
  local made, what = fields_of(block, fields)
  if not made then return nil, "is a " .. block.type .. " whose " .. what end
  made.type = block.type
  what = add_opaque(path, made, block)
  if what then return nil, "is a " .. block.type .. " whose " .. what end
  if made.id then
    if ids[made.id] then return nil, ("is a second call with the id %q"):format(made.id) end
    ids[made.id] = true
  end
  return made
end

local MISS <const> = schema.object { { "why", schema.text { min = 1 }, "" },
  optional("tokens", COUNT) }

local function no_miss(value)
  local _, problems = schema.check(MISS, value, "cache_miss")
  return problems and ("is none: " .. problems[1].message)
end

local OF_REPLY <const> = {
  { "stop", no_stop }, { "stop_raw", no_text, true }, { "usage", no_usage, true },
  { "model", no_text, true }, { "id", no_text, true }, { "container", no_text, true },
  { "refusal", function(value) return type(value) ~= "table" and "is no table" or nil end, true },
  { "cache_miss", no_miss, true }, { "served", no_list(USE), true },
  { "sources", no_list(schema.object { optional("url", LINE), optional("title", LINE) }), true },
}

local function checked_reply(path, reply)
  local function refuse(what) mistake(path, "finish", "answers a reply whose " .. what) end
  if type(reply) ~= "table" then
    mistake(path, "finish", ("answers %s; it should answer a reply, or nil and an error")
      :format(kind_of(reply)))
  end
  local made, what = fields_of(reply, OF_REPLY)
  if not made then refuse(what) end
  if type(reply.content) ~= "table" then refuse("content is " .. kind_of(reply.content)) end
  if made.refusal then
    made.refusal, what = fields_of(made.refusal, REFUSAL)
    if not made.refusal then refuse("refusal has no such " .. what) end
  end
  local content, ids = {}, {}
  for i, block in ipairs(reply.content) do
    content[i], what = checked_block(path, block, ids)
    if what then refuse(("content[%d] %s"):format(i, what)) end
  end
  made.content = content
  return made
end

--- The whole reply, or why there is none.
---@return { lost: boolean?, reply: Reply?, err: Failure? }
function calls.finish(path, number, count, habits)
  local reply = reply_of(path, number, count, habits)
  if not reply then return { lost = true } end
  forget(number)
  local made, err = use(path, "finish", reply.state)
  if made == nil and err ~= nil then return { err = checked_failure(path, "finish", err) } end
  return { reply = checked_reply(path, made) }
end

return calls
