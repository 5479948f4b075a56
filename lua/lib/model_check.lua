--- Tries what a run needs of a server: `perigee models check`. Each probe is a short conversation;
--- lua/scenarios/check.lua plays the other side, so that a served rehearsal can be checked too.
local dialect = require "lib.dialect"
local json  = require "lib.json"
local model = require "lib.model"

local model_check = {}

local SYSTEM <const> = "You are probed. Do exactly what is asked, say nothing else.\nAgent: check"
local NUMBER <const> = '{"type":"integer"}'
local ADD <const> = { name = "add", description = "Adds two integers.",
  schema = ('{"type":"object","properties":{"a":%s,"b":%s},"required":["a","b"],'
    .. '"additionalProperties":false}'):format(NUMBER, NUMBER) }
local SUM <const> = { name = "sum",
  schema = ('{"type":"object","properties":{"sum":%s},"required":["sum"],'
    .. '"additionalProperties":false}'):format(NUMBER) }
local MAX_TOKENS <const> = 4096 -- for what it thinks, too
local COUNTED_TO <const> = 100
local PIECES <const> = 5        -- fewer are no stream

---@class model_check.Found
---@field name   string
---@field state  "works"|"fails"|"no" `no`: a run can do without
---@field detail string

local function user(text) return { role = "user", content = { { type = "text", text = text } } } end

--- The text and the calls of a reply.
local function parts_of(reply)
  local texts, calls = {}, {}
  for _, block in ipairs(reply.content) do
    if block.type == "text" then texts[#texts + 1] = block.text end
    if block.type == "call" then calls[#calls + 1] = block end
  end
  return table.concat(texts), calls
end

--- One request of a probe. `seen` counts the events of each kind.
local function ask(world, messages, changes, http)
  local fragments, broken = dialect.of(world.target, world.how.decide).encode(messages)
  if not fragments then return nil, broken, {} end
  local request = { system = SYSTEM, max_tokens = MAX_TOKENS, messages = fragments }
  for key, value in pairs(changes or {}) do request[key] = value end
  local seen = {}
  local reply, err = model.ask(http or world.http, world.target, request, function(event)
    seen[event.kind] = (seen[event.kind] or 0) + 1
  end, world.how)
  return reply, err, seen
end

local function sums(calls)
  for _, call in ipairs(calls) do
    local input = json.decode(call.input)
    if call.name ~= "add" or type(input) ~= "table" or math.type(input.a) ~= "integer"
      or math.type(input.b) ~= "integer" then
      return nil, ("it called %s with %s"):format(call.name, call.input)
    end
  end
  return #calls
end

local function text(world)
  local reply, err = ask(world, { user "Reply with the one word: ready" })
  if not reply then return "fails", err.message end
  local said = parts_of(reply)
  if said == "" then return "fails", "the reply has no text; it stopped for " .. reply.stop end
  local usage = reply.usage
  return "works", usage and ("%d tokens in, %d out"):format(usage.input or 0, usage.output or 0)
    or "no usage was told: tokens and cost of runs are not known"
end

local function tool_call(world)
  local log = { user "Call add with a = 2 and b = 3. When you have the result, say it." }
  local reply, err = ask(world, log, { tools = { ADD } })
  if not reply then return "fails", err.message end
  local _, calls = parts_of(reply)
  local count, what = sums(calls)
  if count ~= 1 then return "fails", what or ("%d calls, not one"):format(count) end
  log[2] = { role = "assistant", content = reply.content }
  log[3] = { role = "user", content = { { type = "result", id = calls[1].id, name = "add",
    text = "5" } } }
  reply, err = ask(world, log, { tools = { ADD } })
  if not reply then return "fails", "with the result: " .. err.message end
  local said = parts_of(reply)
  return said:find("5", 1, true) and "works" or "fails",
    ("it answers the result with %q"):format(said)
end

local function parallel(world)
  local reply, err = ask(world, { user("Call add twice in one reply, for 1 + 2 and for 3 + 4, "
    .. "before you see a result.") }, { tools = { ADD } })
  if not reply then return "fails", err.message end
  local _, calls = parts_of(reply)
  local count, what = sums(calls)
  if not count or count == 0 then return "fails", what or "it called nothing" end
  return count > 1 and "works" or "no", ("%d in one reply"):format(count)
end

local COUNT <const> = ("Count from 1 to %d, a number a line."):format(COUNTED_TO)

local function long(world)
  local reply, err, seen = ask(world, { user(COUNT) })
  if not reply then return "fails", err.message end
  local last = parts_of(reply):match("(%d+)%D*$")
  local pieces = seen.text or 0
  if tonumber(last) ~= COUNTED_TO then
    return "fails", ("it ended at %s and stopped for %s"):format(last or "nothing", reply.stop)
  end
  return pieces >= PIECES and "works" or "no", ("%d pieces"):format(pieces)
end

--- A transport whose replies are given up after their first events.
local function given_up(http)
  return { send = function(request)
    local response, err = http.send(request)
    if not response then return nil, err end
    local left = 3
    return { status = response.status, headers = response.headers,
      next = function()
        if left <= 0 then
          return nil, { code = "cancelled", message = "given up", retryable = false }
        end
        local piece, why = response:next()
        left = left - (piece and piece.name and 1 or left) -- bytes hold any number of events
        return piece, why
      end,
      close = function() response:close() end }
  end }
end

local function cancel(world)
  local reply, err = ask(world, { user(COUNT .. " Slowly.") }, nil, given_up(world.http))
  if reply then return "no", "it was faster" end
  if err.code ~= "cancelled" then return "fails", err.message end
  reply, err = ask(world, { user "Reply with the one word: again" })
  if not reply then return "fails", "afterwards: " .. err.message end
  return "works", "the next request is answered"
end

local function structured(world)
  if not dialect.form(world.target) then
    return "no", "its API has no such mode: an answer is checked afterwards"
  end
  local reply, err = ask(world, { user "What is 2 + 3?" }, { output = SUM })
  if not reply then return "no", err.message end
  local said = parts_of(reply)
  local value = json.decode(said)
  local fits = type(value) == "table" and math.type(value.sum) == "integer"
  return fits and "works" or "no", fits and said or ("it said %q"):format(said)
end

local function count(world)
  local fragments, err = dialect.of(world.target, world.how.decide)
    .encode { user "How much is this?" }
  if not fragments then return "no", err.message end
  local tokens
  tokens, err = model.count(world.http, world.target, { system = SYSTEM, tools = { ADD },
    messages = fragments }, world.how.decide)
  if tokens then return "works", ("%d tokens"):format(tokens) end
  return "no", err and err.message or "this API does not tell"
end

local PROBES <const> = {
  { "text", text }, { "tool call", tool_call }, { "parallel calls", parallel },
  { "long stream", long }, { "cancel", cancel }, { "structured output", structured },
  { "token count", count },
}

--- Tries everything in order; where not even text comes, nothing else is tried.
---@async
---@param world { target: model.Target, http: table, how: table }
---@param say   fun(found: model_check.Found) after each probe
---@return boolean works all that a run needs
function model_check.run(world, say)
  local works = true
  for i, probe in ipairs(PROBES) do
    local state, detail = probe[2](world)
    say { name = probe[1], state = state, detail = detail }
    if state == "fails" then works = false end
    if i == 1 and not works then return false end
  end
  return works
end

return model_check
