--- Plays the part of a model from a scenario: no network, no tokens, and a check of what the model
--- would have been given. Pure; runs where scenarios run. Their form stands in scenarios/README.md.
local json = require "lib.json"
local rehearse = require "lib.rehearse"
local lists    = require "lib.text"

local rehearsal = {}

local PIECE <const> = 24 -- bytes of a delta: several for a sentence, as real streams have
local SIGNATURE <const> = "rehearsed" -- of thinking, which a wire wants signed
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
        { "type", "thinking" }, { "thinking", thinking }, { "signature", SIGNATURE },
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
    stop_raw = calls > 0 and "tool_use" or "end_turn", -- the words of the wire that it is served on
    usage = turn.usage, model = "rehearsed",
    id = "rehearsed_" .. place(given),
  }
end

-- the same on the wire ----------------------------------------------------------------------------

--- Pieces of `text` as a stream would have them, cut between code points.
---@param text string
---@return string[]
function rehearsal.pieces(text)
  local list, from = {}, 1
  while from <= #text do
    local to = math.min(from + PIECE - 1, #text)
    while to < #text and text:byte(to + 1) & 0xC0 == 0x80 do to = to + 1 end
    list[#list + 1] = text:sub(from, to)
    from = to + 1
  end
  return list
end

--- The tables in a list from the wire; none when it is no list.
local function tables_in(list)
  local found = {}
  for _, item in ipairs(type(list) == "table" and list or {}) do
    if type(item) == "table" then found[#found + 1] = item end
  end
  return found
end

local function text_of(content)
  if type(content) == "string" then return content end
  local texts = {}
  for _, block in ipairs(tables_in(content)) do
    if block.type == "text" then texts[#texts + 1] = tostring(block.text) end
  end
  return table.concat(texts, "\n")
end

--- The results at the end of an anthropic conversation, named by the calls that they answer.
local function results_of(messages)
  local names, results = {}, {}
  for _, message in ipairs(messages) do
    if message.role == "assistant" then results = {} end -- only what follows the last one counts
    for _, block in ipairs(tables_in(message.content)) do
      if block.type == "tool_use" then names[block.id or ""] = block.name end
      if block.type == "tool_result" then
        results[#results + 1] = {
          name = names[block.tool_use_id or ""] or "?", text = text_of(block.content),
          error = block.is_error == true or nil,
        }
      end
    end
  end
  return results
end

local READERS <const> = {
  anthropic = function(body)
    local request = json.decode(body)
    local messages = tables_in(type(request) == "table" and request.messages)
    if #messages == 0 then return nil, "the body is no request of the Messages API" end
    local turn, tools = 1, {}
    for _, message in ipairs(messages) do
      if message.role == "assistant" then turn = turn + 1 end
    end
    for i, tool in ipairs(tables_in(request.tools)) do tools[i] = tostring(tool.name) end
    return { system = text_of(request.system), first = text_of(messages[1].content),
      results = results_of(messages), tools = tools, turn = turn }
  end,
}

--- Whether a scenario can be served as `dialect`.
---@param dialect string
---@return boolean
function rehearsal.can_serve(dialect) return READERS[dialect] ~= nil end

--- What a request on the wire gives to the model. The agent's name is the last line `Agent: NAME`
--- of the system prompt; visits are counted by whoever serves.
---@param body    string
---@param dialect string
---@return table? given without visit and task
---@return table? err
function rehearsal.from_wire(body, dialect)
  local given, what = READERS[dialect](body)
  if not given then return nil, { code = "invalid", message = what } end
  for name in ("\n" .. given.system):gmatch("\nAgent: ([^\r\n]+)") do given.agent = name end
  if not given.agent then
    return nil, { code = "invalid", message = "the system prompt has no line \"Agent: NAME\"" }
  end
  return given
end

local function sse(name, fields)
  table.insert(fields, 1, { "type", name })
  return ("event: %s\ndata: %s\n\n"):format(name, json.encode(json.object(fields)))
end

--- How a block begins on the anthropic wire, and its deltas as { type, field, text }.
local WIRE_BLOCKS <const> = {
  text = function(block)
    return { { "type", "text" }, { "text", "" } }, { { "text_delta", "text", block.text } }
  end,
  thinking = function(block)
    return { { "type", "thinking" }, { "thinking", "" }, { "signature", "" } }, {
      { "thinking_delta", "thinking", block.text }, { "signature_delta", "signature", SIGNATURE },
    }
  end,
  call = function(block)
    return { { "type", "tool_use" }, { "id", block.id }, { "name", block.name }, { "input", {} } },
      { { "input_json_delta", "partial_json", block.input } }
  end,
}

local WRITERS <const> = {
  anthropic = function(reply)
    local usage = reply.usage or {} -- clients of this wire rely on numbers; none were used
    local out = { sse("message_start", { { "message", json.object {
      { "id", reply.id }, { "type", "message" }, { "role", "assistant" }, { "model", reply.model },
      { "content", json.array {} }, { "stop_reason", json.null },
      { "usage", json.object { { "input_tokens", usage.input or 0 }, { "output_tokens", 0 } } },
    } } }) }
    for i, block in ipairs(reply.content) do
      local start, deltas = WIRE_BLOCKS[block.type](block)
      out[#out + 1] = sse("content_block_start",
        { { "index", i - 1 }, { "content_block", json.object(start) } })
      for _, delta in ipairs(deltas) do
        for _, piece in ipairs(rehearsal.pieces(delta[3])) do
          out[#out + 1] = sse("content_block_delta", { { "index", i - 1 },
            { "delta", json.object { { "type", delta[1] }, { delta[2], piece } } } })
        end
      end
      out[#out + 1] = sse("content_block_stop", { { "index", i - 1 } })
    end
    out[#out + 1] = sse("message_delta", {
      { "delta", json.object {
        { "stop_reason", reply.stop_raw }, { "stop_sequence", json.null },
      } },
      { "usage", json.object { { "output_tokens", usage.output or 0 } } },
    })
    out[#out + 1] = sse("message_stop", {})
    return table.concat(out)
  end,
}

--- A reply as the text of an event stream.
---@param reply   Reply
---@param dialect string
---@return string
function rehearsal.to_wire(reply, dialect)
  return WRITERS[dialect](reply)
end

--- An error as the body of an answer with status 400.
---@param err table
---@return string
function rehearsal.error_to_wire(err)
  return json.encode(json.object { { "type", "error" }, { "error", json.object {
    { "type", "invalid_request_error" }, { "message", err.message } } } })
end

return rehearsal
