--- Plays the part of a model from a scenario: no network, no tokens, and a check of what the model
--- would have been given. Pure; runs where scenarios run. Their form stands in scenarios/README.md.
local json = require "lib.json"
local rehearse = require "lib.rehearse"
local lists    = require "lib.text"
local wire = require "lib.wire"

local rehearsal = {}

local SCENARIO_KEYS <const> = { agents = true, files = true, task = true }
local TURN_KEYS <const> = {
  calls = true, expect = true, text = true, thinking = true, usage = true,
}

---@class rehearsal.Given
---@field agent   string
---@field visit   integer which conversation of this agent, from 1
---@field turn    integer from 1
---@field task    string
---@field system  string
---@field first   string the first user message
---@field results { name: string, text: string, error: boolean? }[] of the last calls, in order
---@field tools   string[] names

local function mistake(given, expected)
  return nil, {
    code = "invalid",
    message = ("rehearsal, %s, visit %d, turn %d: expected %s")
      :format(given.agent, given.visit, given.turn, expected),
    retryable = false,
    details = { agent = given.agent, visit = given.visit, turn = given.turn,
      expected = expected, results = given.results },
  }
end

--- What is wrong with a scenario's form; nil when nothing is.
---@param scenario any
---@return string? what
function rehearsal.check(scenario)
  if type(scenario) ~= "table" then
    return ("a scenario returns a table, not a %s"):format(type(scenario))
  end
  for key in pairs(scenario) do
    if not SCENARIO_KEYS[key] then
      return ("unknown key %q; known are agents, files, task"):format(key)
    end
  end
  if type(scenario.agents) ~= "table" then
    return 'agents is missing: { ["NAME"] = { visit, ... } }'
  end
  for _, agent in ipairs(lists.sorted_keys(scenario.agents)) do
    local visits = scenario.agents[agent]
    if type(visits) ~= "table" then
      return ("%s is a %s; an agent has a list of visits"):format(agent, type(visits))
    end
    for v, turns in ipairs(visits) do
      if type(turns) ~= "table" or turns.expect ~= nil then
        return ("%s, visit %d: a visit is a list of turns"):format(agent, v)
      end
      for n, turn in ipairs(turns) do
        local what = rehearsal.check_turn(turn)
        if what then return ("%s, visit %d, turn %d: %s"):format(agent, v, n, what) end
      end
    end
  end
end

--- What is wrong with one turn; nil when nothing is.
---@param turn any
---@return string? what
function rehearsal.check_turn(turn)
  if type(turn) ~= "table" then return "a turn is a table" end
  for key in pairs(turn) do
    if not TURN_KEYS[key] then
      return ("unknown key %q; known are calls, expect, text, thinking, usage"):format(key)
    end
  end
  if type(turn.expect) ~= "function" then
    return "expect is missing: a function of what must have been given (lib.rehearse has many)"
  end
  if turn.text == nil and turn.calls == nil then
    return "it neither says anything nor calls a tool"
  end
  for i, call in ipairs(type(turn.calls) == "table" and turn.calls or {}) do
    if type(call) ~= "table" or type(call[1]) ~= "string" then
      return ('call %d is no { "tool", { arguments } }'):format(i)
    end
  end
end

--- Text that may depend on what was given.
local function value(of, given)
  if type(of) == "function" then return of(given) end
  return of
end

--- The arguments of a call: a table becomes canonical JSON, a string is sent as it is, so that a
--- scenario can rehearse arguments that are broken.
local function input_of(arguments)
  if type(arguments) == "string" then return arguments end
  return json.encode(arguments or {})
end

--- Where a reply stands in the scenario, in the letters that an id may have.
local function place(given)
  return ("%s_%d_%d"):format(given.agent:match("^%w+") or "agent", given.visit, given.turn)
end

local function content_of(turn, given)
  local content = {}
  local thinking, text = value(turn.thinking, given), value(turn.text, given)
  if thinking then
    content[1] = { type = "thinking", text = thinking, dialect = "rehearsal",
      opaque = json.encode(json.object {
        { "type", "thinking" }, { "thinking", thinking }, { "signature", wire.SIGNATURE },
      }) }
  end
  if text and text ~= "" then content[#content + 1] = { type = "text", text = text } end
  local calls = value(turn.calls, given) or {}
  for i, call in ipairs(calls) do
    content[#content + 1] = {
      type = "call", name = call[1], input = input_of(call[2]),
      id = ("call_%s_%d"):format(place(given), i),
    }
  end
  return content, #calls
end

--- The next reply of an agent, or an error that shows what differs from what was expected.
---@param scenario table
---@param given    rehearsal.Given a missing task is the scenario's
---@return Reply? reply, table? err
function rehearsal.reply(scenario, given)
  local wrong = rehearsal.check(scenario)
  if wrong then
    return nil, { code = "invalid", message = "scenario: " .. wrong, retryable = false }
  end

  local visits = scenario.agents[given.agent] or {}
  local turns = visits[given.visit]
  if not turns then
    return mistake(given, ("no more than %d visits of this agent"):format(#visits))
  end
  local turn = turns[given.turn]
  if not turn then return mistake(given, ("no more than %d turns in this visit"):format(#turns)) end

  given.task = given.task or scenario.task -- the wire does not tell
  local holds, what = turn.expect(given)
  if not holds then
    return mistake(given, what or "something else; " .. rehearse.describe(given))
  end

  local content, calls = content_of(turn, given)
  return {
    content = content, stop = calls > 0 and "calls" or "end",
    stop_raw = calls > 0 and "tool_use" or "end_turn", -- the words of the oldest wire
    usage = turn.usage, model = "rehearsed",
    id = "rehearsed_" .. place(given),
  }
end

-- the same on the wire ----------------------------------------------------------------------------

--- The dialects that a scenario can be served in, each spoken by lib/wire_NAME.lua.
local WIRES <const> = { anthropic = true, openai_chat = true, openai_responses = true }

local function wire_of(dialect) return require("lib.wire_" .. dialect) end

--- Whether a scenario can be served as `dialect`.
---@param dialect string
---@return boolean
function rehearsal.can_serve(dialect) return WIRES[dialect] == true end

--- Where requests of a dialect go, and how much of that path belongs to the base URL.
---@param dialect string
---@return string path, string base
function rehearsal.path(dialect)
  local spoken = wire_of(dialect)
  return spoken.base .. spoken.path, spoken.base
end

--- What a request on the wire gives to the model. The agent's name is the last line `Agent: NAME`
--- of the system prompt; visits are counted by whoever serves.
---@param body    string
---@param dialect string
---@return table? given without visit and task
---@return table? err
function rehearsal.from_wire(body, dialect)
  local given, what = wire_of(dialect).read(body)
  if not given then return nil, { code = "invalid", message = what } end
  for name in ("\n" .. given.system):gmatch("\nAgent: ([^\r\n]+)") do given.agent = name end
  if not given.agent then
    return nil, { code = "invalid", message = "the system prompt has no line \"Agent: NAME\"" }
  end
  return given
end

--- A reply as the text of an event stream.
---@param reply   Reply
---@param dialect string
---@return string
function rehearsal.to_wire(reply, dialect)
  return wire_of(dialect).write(reply)
end

--- An error as the body of an answer with status 400.
---@param err     table
---@param dialect string
---@return string
function rehearsal.error_to_wire(err, dialect)
  return json.encode(wire_of(dialect).error(err.message))
end

return rehearsal
