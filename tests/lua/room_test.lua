--- lib/room.lua: how a conversation is made shorter where nobody says otherwise.
local room = require "lib.room"
local t    = require "lib.test"

--- A conversation: the task, then exchanges of one call each with results of these tokens.
local function facts(sizes, changes)
  local messages = { { role = "user", tokens = 50, results = {} } }
  local tokens = 50
  for i, size in ipairs(sizes) do
    messages[#messages + 1] = { role = "assistant", tokens = 20, results = {} }
    messages[#messages + 1] = { role = "user", tokens = size,
      results = { { id = "c" .. i, name = "read", tokens = size } } }
    tokens = tokens + 20 + size
  end
  local made = { agent = "a", task = "t", window = 10000, tokens = tokens, aim = 4000,
    exceeded = false, messages = messages }
  for key, value in pairs(changes or {}) do made[key] = value end
  return made
end

t.test("old results go first, no more of them than needed", function()
  local plan = room.plan(facts { 4000, 1000, 800, 700 })
  t.equal(plan.results, { "c1" })
  t.equal(plan.summary, nil)
end)

t.test("results that are not worth it stay", function()
  local plan = room.plan(facts({ 100, 5000, 900 }, { aim = 2000 }))
  t.equal(plan.results, { "c2" })
end)

t.test("where old results do not do, what lies before the last exchanges is summed up", function()
  local small = {}
  for i = 1, 60 do small[i] = 120 end
  local plan = room.plan(facts(small))
  t.equal(#plan.results, 0)
  t.equal(plan.summary.upto % 2, 1) -- the user's message of an exchange
  local left = 0
  local made = facts(small)
  for i = plan.summary.upto + 1, #made.messages do left = left + made.messages[i].tokens end
  t.truthy(left <= made.aim * 0.5 + 140 and left > 0)
end)

t.test("what the model has not seen yet stays, unless the model has refused it", function()
  t.equal(room.plan(facts { 100, 9000 }).results, {})
  local plan = room.plan(facts({ 100, 9000 }, { exceeded = true }))
  t.equal(plan.results, { "c2" })
end)

t.test("a first message alone leaves nothing to do", function()
  local plan = room.plan(facts({}, { tokens = 9000, exceeded = true }))
  t.equal(plan.results, {})
  t.equal(plan.summary, nil)
end)

t.test("the same conversation has the same plan", function()
  t.equal(room.plan(facts({ 900, 900, 900, 900, 900, 900 }, { exceeded = true })),
    room.plan(facts({ 900, 900, 900, 900, 900, 900 }, { exceeded = true })))
end)

return t
