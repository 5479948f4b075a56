--- How a server is spoken to: its dialect, wherever that comes from. The distribution's are
--- functions of this VM. One of the user's or of a project is a guest: its functions run in the
--- decision VM, each call within a budget of its own (lib/dialect_calls.lua), and what it answers
--- is checked there. Host VM only.
---
---   local speech = dialect.of(target, decide)
---   local built, err = speech.request(req)      -> one request
---   local reader = speech.begin()               -> one reply
---   local events, err = reader:hear(pieces)     -> all that came, at once
---   local reply, err = reader:finish()
local text = require "lib.text"

local dialect = {}

local CALLS <const> = "lua/lib/dialect_calls.lua"
local BATCH <const> = 256 * 1024 -- bytes handed over in one call, when a reply is heard anew

---@alias dialect.Decide async fun(entry: string, field: string, ...): any, any

---@class dialect.Guest a dialect that is not the distribution's; plain data
---@field name    string as rows of providers name it
---@field path    string as entries name it: "lua/dialects/x.lua", "project:lua/dialects/x.lua"
---@field file    string where it stands
---@field layer   "user"|"project"
---@field err?    Error why it cannot be used; nothing of the following is there then
---@field form?   strict.Rules
---@field stream? dialect.Framing
---@field serves? table<string, string> tools that its servers carry out themselves
---@field habits? table<string, string[]> what may be said of a server, and the words for it
---@field counts  boolean? it can ask how many tokens a request is
---@field older   boolean? it knows when a server may know only an older form

---@class dialect.Framing how a reply comes; server-sent events where a dialect says nothing
---@field types  string[] content types of a reply
---@field frames "lines"|"bytes" a line is an event, or each piece as it came

-- what a file says --------------------------------------------------------------------------------

local PROJECT <const> = "project:"

--- The file of a dialect, by the name in a provider's row: "x" is the user's own, else the
--- distribution's; "project:x" is the project's, and nothing else's. A project never stands in
--- place of either: who speaks to a server with a key is said by whoever owns the key.
---@param name string
---@return string? path, string? why
local function path_of(name)
  local bare = name:sub(1, #PROJECT) == PROJECT and name:sub(#PROJECT + 1) or name
  if not bare:find("^%a[%w_-]*$") or bare == "rehearsal" then
    return nil, ("%q is no name of a dialect: it is a file's name in lua/dialects, without .lua")
      :format(name)
  end
  return ("%slua/dialects/%s.lua"):format(bare ~= name and PROJECT or "", bare)
end

--- The error of a guest's own mistake, with its file instead of what entries call it. To ask again
--- would not mend it.
local function placed(guest, err)
  local message = err.message
  for _, name in ipairs { guest.path, CALLS } do
    if message:sub(1, #name) == name then message = guest.file .. message:sub(#name + 1) end
  end
  return { code = err.code, message = message, retryable = false, details = err.details }
end

local function missing(name, path)
  local why = ("there is no dialect %q: the distribution has none of that name, and "
    .. "lua/dialects/%s.lua of your configuration is not there"):format(name, name)
  if path:sub(1, #PROJECT) == PROJECT then
    why = ("there is no dialect %q: no project with %s is trusted here")
      :format(name, path:sub(#PROJECT + 1))
  end
  return { code = "not_found", message = why, retryable = false }
end

--- A habit that any server may have: whether a schema for the answer is taken.
local FORM <const> = { "strict", "no" }

--- What is wrong with `habits` of a provider, which its dialect has to know.
local function wrong_habit(provider, guests)
  local guest = guests[provider.dialect]
  if not provider.habits or guest and guest.err then return nil end -- that is said with it
  local known = { form = FORM }
  for key, words in pairs((guest or require("dialects." .. provider.dialect)).habits or {}) do
    known[key] = words
  end
  for _, key in ipairs(text.sorted_keys(provider.habits)) do
    local words, said = known[key], provider.habits[key]
    if not words then
      return ("habits.%s: the dialect %s knows nothing of it%s"):format(key, provider.dialect,
        text.suggest(key, text.sorted_keys(known)))
    elseif not text.one_of(words, said) then
      return ("habits.%s is %q; it may be %s"):format(key, said, table.concat(words, ", "))
    end
  end
end

--- Whether what is said of servers is what their dialects know.
---@param models table
---@param guests table<string, dialect.Guest> of dialect.load
---@return boolean? ok, Error? err
function dialect.check_habits(models, guests)
  for _, name in ipairs(text.sorted_keys(models.providers)) do
    local why = wrong_habit(models.providers[name], guests)
    if why then
      return nil, { code = "invalid", retryable = false,
        message = ("lua/models.lua: providers.%s.%s"):format(name, why) }
    end
  end
  return true
end

--- What the dialects of all providers are, but for the distribution's own.
---@async
---@param cli    table
---@param models table in force
---@return table<string, dialect.Guest> guests
function dialect.load(cli, models)
  local names, guests = {}, {}
  for _, provider in pairs(models.providers) do
    names[provider.dialect] = true
    if provider.own_dialect then names[provider.own_dialect] = true end
  end
  for _, name in ipairs(text.sorted_keys(names)) do
    local path, why = path_of(name)
    local file, layer = nil, nil
    if path then file, layer = cli.locate(path) end
    if layer ~= "distribution" then
      local guest = { name = name, path = path, file = file, layer = layer }
      local said, err
      if file then
        said, err = cli.decide(CALLS, "declare", path, (name:gsub("^" .. PROJECT, "")))
      else
        err = path and missing(name, path) or { code = "invalid", message = why }
      end
      for key, value in pairs(said or {}) do guest[key] = value end
      guest.err = err and (file and placed(guest, err) or err)
      guests[name] = guest
    end
  end
  return guests
end

-- ours --------------------------------------------------------------------------------------------

---@class dialect.Speech
---@field stream? dialect.Framing
---@field serves? table<string, string>
---@field encode  async fun(messages: Message[]): string[]?, Error?
---@field request async fun(req: DialectRequest): HttpRequest?, Error?
---@field count?  async fun(req: DialectRequest): HttpRequest?, Error?
---@field counted async fun(body: string): integer?, Error?
---@field failure async fun(status: integer, headers: table, body: string): Failure
---@field wants_legacy async fun(err: Failure): boolean
---@field begin   fun(): dialect.Reader

---@class dialect.Reader
---@field done   boolean nothing more will come
---@field hear   async fun(self: dialect.Reader, pieces: table[]): DialectEvent[]?, Error?
---@field finish async fun(self: dialect.Reader): Reply?, Error?

local function own_reader(module, habits)
  local state, reader = module.begin(habits), { done = false }
  function reader:hear(pieces)
    local events = {}
    for _, piece in ipairs(pieces) do
      for _, event in ipairs(module.event(state, piece.name, piece.data)) do
        events[#events + 1] = event
      end
    end
    self.done = state.done
    return events
  end
  function reader.finish() return module.finish(state) end
  return reader
end

local function own_speech(name, habits)
  local module = require("dialects." .. name)
  return { stream = module.stream, serves = module.serves, request = module.request,
    count = module.count, counted = module.counted, failure = module.failure,
    encode = function(messages)
      local fragments = {}
      for i, message in ipairs(messages) do fragments[i] = module.encode(message, habits) end
      return fragments
    end,
    wants_legacy = function(err) return module.wants_legacy ~= nil and module.wants_legacy(err) end,
    begin = function() return own_reader(module, habits) end }
end

-- guests ------------------------------------------------------------------------------------------

--- One call of a guest's function.
local function caller(guest, decide)
  return function(field, ...)
    local answer, err = decide(CALLS, field, guest.path, ...)
    if answer == nil and err then return nil, placed(guest, err) end
    return answer
  end
end

local last_reply = 0 -- replies are told apart by a number

--- What was answered, unless the state is lost although it was made just now.
local function unless_lost(said, err)
  if not said or not said.lost then return said, err end
  return nil, { code = "limit", retryable = true,
    message = "what was heard of the reply does not stay: scripts beside it break the VM" }
end

--- Hands all that was heard so far over again: the VM that had the reply's state was closed, since
--- something else in it went beyond its budget. The events are known already.
local function hear_anew(self)
  local from, pieces, size = 0, {}, 0
  for i, piece in ipairs(self.heard) do
    pieces[#pieces + 1], size = piece, size + #piece.data
    if size >= BATCH or i == #self.heard then
      local said, err =
        unless_lost(self.call("hear", self.number, from, self.habits, pieces))
      if not said then return nil, err end
      from, pieces, size = i, {}, 0
    end
  end
  return true
end

--- A call that needs the state of the reply.
local function with_state(self, field, pieces)
  local said, err = self.call(field, self.number, #self.heard, self.habits, pieces)
  if not said or not said.lost then return said, err end
  local again, why = hear_anew(self)
  if not again then return nil, why end
  return unless_lost(self.call(field, self.number, #self.heard, self.habits, pieces))
end

local Guest = {}
Guest.__index = Guest

function Guest:hear(pieces)
  local said, err = with_state(self, "hear", pieces)
  if not said then
    self.done = true
    return nil, err
  end
  table.move(pieces, 1, #pieces, #self.heard + 1, self.heard)
  self.done = said.done
  return said.events
end

function Guest:finish()
  local said, err = with_state(self, "finish")
  self.heard = {}
  if not said then return nil, err end
  return said.reply, said.err
end

local function guest_speech(guest, habits, decide)
  local call = caller(guest, decide)
  return { stream = guest.stream, serves = guest.serves,
    encode = function(messages) return call("encode", messages, habits) end,
    request = function(req) return call("request", req) end,
    count = guest.counts and function(req) return call("count", req) end,
    counted = function(body) return call("counted", body) end,
    failure = function(status, headers, body)
      local said, err = call("failure", status, headers, body)
      return said or err
    end,
    wants_legacy = function(err)
      if not guest.older then return false end
      local wants, why = call("wants_legacy", err)
      if why then err.message = ("%s; and %s"):format(err.message, why.message) end
      return wants == true
    end,
    begin = function()
      last_reply = last_reply + 1
      return setmetatable({ call = call, number = last_reply, habits = habits, heard = {},
        done = false }, Guest)
    end }
end

-- which -------------------------------------------------------------------------------------------

--- How a target is spoken to.
---@param target model.Target
---@param decide dialect.Decide
---@return dialect.Speech
function dialect.of(target, decide)
  local habits = target.habits or {}
  if target.guest then return guest_speech(target.guest, habits, decide) end
  return own_speech(target.dialect, habits)
end

--- What a target's structured output asks of a schema; nil where it has none.
---@param target model.Target
---@return strict.Rules?
function dialect.form(target)
  if target.habits and target.habits.form == "no" then return nil end
  if target.guest then return target.guest.form end
  return require("dialects." .. target.dialect).form
end

--- The tools that a target's server carries out itself, each with the JSON that asks for it.
---@param target model.Target
---@return table<string, string>?
function dialect.serves(target)
  if target.guest then return target.guest.serves end
  return require("dialects." .. target.dialect).serves
end

--- Where a dialect comes from, in words.
---@param guest? dialect.Guest nil: the distribution's
---@return string
function dialect.origin(guest)
  if not guest then return "distribution" end
  if guest.err then return "cannot be used: " .. guest.err.message end
  return ("%s: %s"):format(guest.layer, guest.file)
end

return dialect
