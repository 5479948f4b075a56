--- The rehearsal model: what a scenario may say, how a mismatch reads, the same on the wire.
local anthropic = require "dialects.anthropic"
local dialect = require "dialects.rehearsal"
local json = require "lib.json"
local rehearsal = require "lib.rehearsal"
local rehearse = require "lib.rehearse"
local t = require "lib.test"

local function given(changes)
  local all = { agent = "062-x", visit = 1, turn = 1, task = "count", system = "You are x.",
    first = "Please count.", results = {}, tools = { "read", "bash" } }
  for key, value in pairs(changes or {}) do all[key] = value end
  return all
end

local function scenario(...) return { agents = { ["062-x"] = { { ... } } } } end

local FINE <const> = rehearse.anything("any start will do")

local function mismatch(expect, changes)
  local reply, err = rehearsal.reply(scenario { expect = expect, text = "hi" }, given(changes))
  t.falsy(reply)
  t.equal({ err.code, err.retryable }, { "invalid", false })
  return err
end

t.test("a reply has thinking, text and calls in this order, and no tokens", function()
  local reply = rehearsal.reply(scenario { expect = FINE, thinking = "Hm.", text = "I read.",
    calls = { { "read", { path = "b", at = 1 } }, { "bash" } } }, given())
  t.equal(reply.content, {
    { type = "thinking", text = "Hm.", dialect = "rehearsal",
      opaque = '{"type":"thinking","thinking":"Hm.","signature":"rehearsed"}' },
    { type = "text", text = "I read." },
    { type = "call", id = "call_062_1_1_1", name = "read", input = '{"at":1,"path":"b"}' },
    { type = "call", id = "call_062_1_1_2", name = "bash", input = "{}" },
  })
  t.equal({ reply.stop, reply.model }, { "calls", "rehearsed" })
  t.falsy(reply.usage)
end)

t.test("arguments that are a string are sent as they are, broken ones too", function()
  local reply = rehearsal.reply(scenario { expect = FINE, calls = { { "read", '{"path":' } } },
    given())
  t.equal(reply.content[1].input, '{"path":')
end)

t.test("a text may depend on what was given", function()
  local echo = function(g) return g.results[1].text .. "!" end
  local reply = rehearsal.reply(scenario { expect = FINE, text = echo },
    given { results = { { name = "bash", text = "42" } } })
  t.equal({ reply.content[1].text, reply.stop }, { "42!", "end" })
end)

t.test("a mismatch names agent, visit and turn, what was expected and what there was", function()
  local err = mismatch(rehearse.result("bash", "2 rows"),
    { results = { { name = "bash", text = "3 rows\n" },
      { name = "read", text = "no", error = true } } })
  t.equal(err.message, 'rehearsal, 062-x, visit 1, turn 1: '
    .. 'expected a result of bash with "2 rows"; '
    .. 'the results were bash "3 rows\\n", read (error) "no"')
  t.equal({ err.details.agent, err.details.visit, err.details.turn }, { "062-x", 1, 1 })
end)

t.test("an expectation of one's own may leave its reason out", function()
  local err = mismatch(function() return false end)
  t.contains(err.message, "expected something else; there was no result")
end)

t.test("running out of turns or visits ends the run", function()
  local one = scenario { expect = FINE, text = "hi" }
  local _, err = rehearsal.reply(one, given { turn = 2 })
  t.contains(err.message, "turn 2: expected no more than 1 turns")
  _, err = rehearsal.reply(one, given { visit = 2 })
  t.contains(err.message, "visit 2, turn 1: expected no more than 1 visits")
  _, err = rehearsal.reply(one, given { agent = "999-y" })
  t.contains(err.message, "999-y, visit 1, turn 1: expected no more than 0 visits")
end)

t.test("a scenario of a wrong form is named at its place", function()
  local function wrong(scene)
    local _, err = rehearsal.reply(scene, given())
    return err.message
  end
  t.contains(wrong("hello"), "a scenario returns a table, not a string")
  t.contains(wrong { agents = {}, agnets = {} }, 'unknown key "agnets"')
  t.contains(wrong {}, "agents is missing")
  t.contains(wrong(scenario { text = "hi" }), "062-x, visit 1, turn 1: expect is missing")
  t.contains(wrong(scenario { expect = FINE }), "neither says anything nor calls a tool")
  t.contains(wrong(scenario { expect = FINE, txet = "" }), 'unknown key "txet"')
end)

t.test("each expectation holds where it should and says what is missing where not", function()
  local scene = given { results = { { name = "bash", text = "a.c:3: error: x", error = true },
    { name = "read", text = "100% [x]" } } }
  local function holds(expect) return (expect(scene)) end
  t.truthy(holds(rehearse.result("read", "100%", "[x]")), "texts are no patterns")
  t.falsy(holds(rehearse.result("bash", "error")))
  t.truthy(holds(rehearse.failure("bash", "error: x")))
  t.falsy(holds(rehearse.failure("read")))
  t.truthy(holds(rehearse.shown("bash", "a.c")))
  t.truthy(holds(rehearse.lacks("read", "error")))
  t.falsy(holds(rehearse.lacks("bash", "warning", "error")))
  t.truthy(holds(rehearse.tools("read", "bash")))
  t.falsy(holds(rehearse.tools("write")))
  t.truthy(holds(rehearse.no_tools("write")))
  t.falsy(holds(rehearse.no_tools("write", "bash")))
  t.truthy(holds(rehearse.results(2)))
  t.truthy(holds(rehearse.first("count")))
  t.truthy(holds(rehearse.task("count")))
  t.falsy(holds(rehearse.system("someone else")))
  t.truthy(holds(rehearse.any { rehearse.results(9), rehearse.results(2) }))
  local _, what = rehearse.all { rehearse.results(2), rehearse.tools("edit") } (scene)
  t.equal(what, "tools with edit; they are read, bash")
  t.error(function() rehearse.anything() end, "say why")
end)

t.test("text streams in several pieces that are whole code points", function()
  local text = ("h\u{e9}llo \u{1F680}! "):rep(9) -- 13 bytes: pieces would end inside code points
  local events = dialect.events { content = { { type = "text", text = text },
    { type = "call", id = "c", name = "read", input = "{}" } }, stop = "calls" }
  local joined, pieces = "", 0
  for _, event in ipairs(events) do
    if event.kind == "text" then
      t.truthy(utf8.len(event.text))
      joined, pieces = joined .. event.text, pieces + 1
    end
  end
  t.equal(joined, text)
  t.truthy(pieces > 3)
  t.equal({ events[#events - 1].kind, events[#events].kind }, { "call", "stop" })
end)

-- on the wire -------------------------------------------------------------------------------------

--- What the anthropic dialect makes of an event stream's text.
local function heard(text)
  local state = anthropic.begin()
  for name, data in text:gmatch("event: ([^\n]*)\ndata: ([^\n]*)\n\n") do
    anthropic.event(state, name, data)
  end
  return anthropic.finish(state)
end

t.test("a reply is the same over the wire as without one", function()
  local reply = rehearsal.reply(scenario { expect = FINE, thinking = "Hm, \u{1F914}.",
    text = 'Say "hi"\n\u{1F680}!',
    calls = { { "write", { path = "a.c", content = ("x\n"):rep(50) } }, { "read",
      '{"path": "a' } } }, given())
  local same = heard(rehearsal.to_wire(reply, "anthropic"))
  for _, block in ipairs(reply.content) do block.dialect = block.dialect and "anthropic" end
  t.equal(same.content, reply.content)
  t.equal({ same.stop, same.stop_raw, same.id }, { reply.stop, reply.stop_raw, reply.id })
end)

local function wire(messages)
  return anthropic.request { model = "m",
    system = "You are x.\nAgent: 001-old\n\nAgent: 062-x\nBe brief.",
    max_tokens = 9, tools = { { name = "read", schema = "{}" }, { name = "bash", schema = "{}" } },
    messages = messages }.body
end

local ASKED <const> = anthropic.encode { role = "user",
  content = { { type = "text", text = "Please count." } } }

t.test("a request on the wire gives what a rehearsal gives", function()
  local seen = rehearsal.from_wire(wire { ASKED }, "anthropic")
  t.equal({ seen.agent, seen.turn, seen.first, seen.results, seen.tools },
    { "062-x", 1, "Please count.", {}, { "read", "bash" } })
end)

t.test("results on the wire have names, order and errors, and only the last ones count", function()
  local function called(...)
    local content = {}
    for i, name in ipairs { ... } do content[i] = { type = "call", id = name .. i, name = name,
      input = "{}" } end
    return anthropic.encode { role = "assistant", content = content }
  end
  local function answered(...) return anthropic.encode { role = "user", content = { ... } } end
  local seen = rehearsal.from_wire(wire {
    ASKED, called("glob"), answered({ type = "result", id = "glob1", text = "old" }),
    called("bash", "read"), answered({ type = "result", id = "bash1", text = "bad", error = true },
      { type = "result", id = "read2", text = "good" }),
  }, "anthropic")
  t.equal(seen.turn, 3)
  t.equal(seen.results, { { name = "bash", text = "bad", error = true }, { name = "read",
    text = "good" } })
end)

t.test("what is no request of this wire is refused, whatever it is", function()
  for _, body in ipairs { "", "{", "[]", "3", '{"messages":[]}', '{"messages":{"a":1}}',
    '{"messages":[1,"x"]}',
    '{"messages":[{"role":"user","content":[3,{"type":"tool_result"}]}]}',
      '{"system":7,"messages":[{}]}' } do
    local seen, err = rehearsal.from_wire(body, "anthropic")
    t.falsy(seen, body)
    t.equal(err.code, "invalid", body)
  end
end)

t.test("a mismatch on the wire is the error that a client understands", function()
  local err = mismatch(rehearse.tools("edit"))
  local back = anthropic.failure(400, {}, rehearsal.error_to_wire(err, "anthropic"))
  t.equal({ back.code, back.retryable }, { "invalid", false })
  t.contains(back.message, "expected tools with edit")
  t.truthy(json.decode(rehearsal.error_to_wire(err, "anthropic")))
end)

-- the demo ----------------------------------------------------------------------------------------

local demo = require "scenarios.demo"

--- The arguments of the demo's call of `tool`, wherever it stands.
local function call_in_demo(tool)
  for _, visits in pairs(demo.agents) do
    for _, turn in ipairs(visits[1]) do
      for _, call in ipairs(turn.calls or {}) do
        if call[1] == tool then return call[2] end
      end
    end
  end
end

t.test("the demo is a scenario, and its repair fits its program in one place", function()
  t.falsy(rehearsal.check(demo))
  local program, repair = call_in_demo("write").content, call_in_demo("edit")
  local from, to = program:find(repair.old, 1, true)
  t.truthy(from)
  t.falsy(program:find(repair.old, to + 1, true))
  t.truthy(repair.new ~= repair.old)
end)

t.test("the demo's first agent ends with a line that names the next", function()
  local last = demo.agents["062-development-backend-senior-guardian"][1][6]
  local said = last.text { results = { { name = "bash", text = "rows: 5" } } }
  t.contains(said, "rows: 5")
  t.contains(said:match("([^\n]+)\n*$"), "072-development-quality-senior-guardian")
end)
