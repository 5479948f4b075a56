--- Limits as people write them, what a request may come to, and what a run that goes on has left.
local allowance = require "lib.allowance"
local estimate  = require "lib.estimate"
local limits    = require "lib.limits"
local session   = require "lib.session"
local t         = require "lib.test"

-- as people write them ----------------------------------------------------------------------------

t.test("limits are read as people write them", function()
  local read = assert(allowance.read({ turns = "12", usd = "0.40", time = "4m", written = "20M",
    hops = "none" }, allowance.KEYS))
  t.equal(read.turns, 12)
  t.equal(read.usd, 400000)
  t.equal(read.time, 240000)
  t.equal(read.written, 20 << 20)
  t.equal(read.hops, false)
end)

t.test("a chain may write numbers", function()
  local read = assert(allowance.read({ turns = 5, usd = 0.2, written = 1000 }, allowance.KEYS))
  t.equal(read.turns, 5)
  t.equal(read.usd, 200000)
  t.equal(read.written, 1000)
end)

t.test("what cannot be read is refused by its key", function()
  for key, value in pairs { turns = "1.5", usd = "-1", time = "none", calls = "many", tokens = {},
    written = "2 floppies", hops = "1e3" } do
    local read, err = allowance.read({ [key] = value }, allowance.KEYS)
    t.falsy(read)
    t.contains(err.message, "limit " .. key)
  end
  local _, err = allowance.read({ dolars = "1" }, allowance.KEYS)
  t.contains(err.message, 'unknown key "dolars"')
  _, err = allowance.read({ hops = "1" }, allowance.OF_AGENT)
  t.contains(err.message, 'unknown key "hops"')
end)

t.test("the narrower of two limits holds, and none is wider than any", function()
  local both = allowance.narrower({ turns = 5, usd = false, calls = 3 },
    { turns = 9, usd = 7, hops = false })
  t.equal(both.turns, 5)
  t.equal(both.usd, 7)
  t.equal(both.calls, 3)
  t.falsy(both.hops)
end)

t.test("limits and what was spent are said alike", function()
  t.equal(allowance.words { turns = 1, children = 2, usd = 400000, time = 240000, calls = 0,
    tokens = false, written = 2048 }, "1 turn, 2 children, 0.4000 usd, 2K written, 4 min")
end)

-- what a request may come to ----------------------------------------------------------------------

local function target(prices) return { prices = prices } end

local function request(...)
  local log, messages = {}, { ... }
  for i = 1, #messages do log[i] = { role = "user", content = {} } end
  return { system = ("s"):rep(30), tools = {}, messages = messages }, log
end

t.test("a first request is taken for a token each three bytes", function()
  local tokens, size = estimate.input(request(("x"):rep(60)))
  t.equal(tokens, 30)
  t.equal(size.bytes, 90)
end)

t.test("later ones begin with what the server counted", function()
  local asked, log = request(("x"):rep(60), ("y"):rep(30))
  t.equal(estimate.input(asked, log, { bytes = 90, images = 0, tokens = 50 }), 60)
end)

t.test("a list that has grown is measured as if it were new, and so is another one", function()
  local asked, log = request(("x"):rep(60))
  estimate.input(asked, log)
  asked.messages[2], log[2] = ("y"):rep(40), { role = "user", content = {
    { type = "result", images = { { media_type = "image/png", data = ("A"):rep(10) } } } } }
  local again = { system = asked.system, tools = {}, messages = { table.unpack(asked.messages) } }
  t.equal({ estimate.input(asked, log) }, { estimate.input(again, log) })
  asked.messages = { "z" }
  t.equal(estimate.input(asked, { log[1] }), 11)
end)

t.test("where something was taken out less is counted", function()
  local asked, log = request(("x"):rep(15))
  t.equal(estimate.input(asked, log, { bytes = 90, images = 0, tokens = 50 }), 25)
end)

t.test("an image is no text", function()
  local data = ("A"):rep(300000)
  local asked, log = request(data)
  log[1].content = { { type = "result", images = { { media_type = "image/png", data = data } } } }
  local tokens = estimate.input(asked, log)
  t.truthy(tokens < 10000 and tokens >= 5000)
end)

t.test("a request is taken to cost its dearest price", function()
  local dear = target { input = 1, output = 10, cache_read = 0.1, cache_write = 1.25 }
  t.equal(estimate.usd(dear, 1000, 100), 2250)
  t.equal(estimate.usd(dear, 1, 0), 2) -- rounded up
  dear.prices.above = { tokens = 500, input = 2, output = 20 }
  t.equal(estimate.usd(dear, 1000, 100), 4000)
end)

t.test("the longest reply for a sum costs no more than it, and one token more would", function()
  local odd = target { input = 0.3, output = 0.7 }
  for _, usd in ipairs { 100, 1001, 77777, 5000000 } do
    local output = estimate.output(odd, 100, usd)
    t.truthy(estimate.usd(odd, 100, output) <= usd)
    t.truthy(estimate.usd(odd, 100, output + 1) > usd)
  end
  t.truthy(estimate.output(odd, 1000000, 10) < 0)
  t.equal(estimate.output(target { input = 0, output = 0 }, 100, 0), math.maxinteger)
end)

-- a run that goes on ------------------------------------------------------------------------------

--- What limits.restore tells a run.
local function restored(left, records, stops, gone)
  local told = { charged = {}, raised = {} }
  session.open { given = {}, settings = { stalls = { run = "fail" } }, sink = function() end }
  limits.restore({
    id = "r", raise = function(_, kind, amount) told.raised[kind] = amount > 0 and amount or nil end,
    time_left = function() return left, 0, left end,
    deadline_in = function(_, ms) told.left = ms end,
    charge = function(_, kind, amount) told.charged[kind] = (told.charged[kind] or 0) + amount end,
  }, records, stops or limits.stops(records), gone)
  return told
end

local function record(time, kind, body, seq)
  return { seq = seq or 1, time = time, kind = kind, body = body or {} }
end

t.test("only the time at work counts", function()
  local told = restored(10000, {
    record(1000, "run.started"), record(1500, "turn"), record(3000, "run.parked"),
    record(900000, "run.resumed"), record(900500, "question"),
    record(990000, "run.resumed"), record(990100, "turn"),
  })
  t.equal(told.left, 10000 - 2000 - 500 - 100)
end)

t.test("what is recorded before a run is taken up again is no work of the time between", function()
  local told = restored(10000, {
    record(1000, "run.started", nil, 1), record(2000, "run.parked", nil, 2),
    record(800000, "files", nil, 3), record(800010, "run.resumed", { after = 2 }, 4),
    record(800110, "turn", nil, 5),
  })
  t.equal(told.left, 10000 - 1000 - 110)
end)

t.test("no more than all of the time is used up, and without a limit none is", function()
  t.equal(restored(1000, { record(0, "run.started"), record(5000, "turn") }).left, 0)
  t.equal(restored(nil, { record(0, "run.started"), record(5000, "turn") }).left, nil)
  t.equal(restored(1000, {}).left, 1000)
end)

t.test("what a killed process had reserved is spent, what was settled is not", function()
  local aside = { tokens = 700, usd = 0.25 }
  local told = restored(nil, { record(1, "run.started"), record(2, "reserved", aside) })
  t.equal(told.charged.tokens, 700)
  t.equal(told.charged.usd, 250000)
  told = restored(nil, { record(1, "reserved", aside), record(2, "turn") })
  t.equal(told.charged.tokens, nil)
  told = restored(nil, { record(1, "reserved", aside), record(2, "reserved", aside) })
  t.equal(told.charged.tokens, 700) -- the first had no cost, or a record of it
end)

t.test("each process that was killed in a request counts, not the last one alone", function()
  local aside = { tokens = 700, usd = 0.25 }
  local told = restored(nil, { record(1, "reserved", aside), record(5, "run.resumed"),
    record(6, "reserved", aside), record(9, "run.resumed"), record(10, "reserved", aside),
    record(11, "turn") })
  t.equal(told.charged.tokens, 1400)
  t.equal(told.charged.usd, 500000)
  told = restored(nil, { record(1, "reserved", aside), record(6, "reserved", aside) }, { 5 })
  t.equal(told.charged.tokens, 1400) -- a child, whose own records do not say that it was taken up
  told = restored(nil, { record(1, "reserved", aside), record(2, "run.finished",
    { status = "unavailable" }), record(5, "run.resumed"), record(6, "run.parked") })
  t.equal(told.charged.tokens, nil) -- what a failing provider counted would be recorded
  told = restored(nil, { record(1, "reserved", aside), record(2, "run.finished",
    { status = "cancelled" }), record(5, "run.resumed"), record(6, "run.parked") })
  t.equal(told.charged.tokens, 700)
end)

t.test("what is taken back to be done again stays paid for, with the children of it", function()
  local charged = {}
  local run = { charge = function(_, kind, amount)
    charged[kind] = (charged[kind] or 0) + amount
  end }
  local function turn(tokens, usd)
    return record(1, "turn", { usage = { input = tokens, output = 0 }, cost_usd = usd })
  end
  local pasts = { inner = { records = { turn(5, 0.005) }, gone = { turn(7, 0.007) } } }
  limits.charge_gone(run, { turn(100, 0.1), record(2, "child", { run = "inner" }),
    record(3, "result", { id = "x" }), record(4, "child", { run = "never began" }) }, pasts, {})
  t.equal(charged, { tokens = 112, usd = 112000 })
end)

t.test("a request whose reply was taken back was settled by it, one of a killed process stays spent",
  function()
  local aside = { tokens = 700, usd = 0.25 }
  local told = restored(nil, { record(1, "reserved", aside, 5), record(9, "run.resumed", nil, 7) },
    nil, { record(2, "turn", nil, 6) })
  t.equal(told.charged.tokens, nil)
  told = restored(nil, { record(1, "run.started", nil, 4), record(9, "run.resumed", nil, 6),
    record(19, "run.resumed", nil, 9) }, nil,
    { record(10, "turn", nil, 8), record(9, "reserved", aside, 7), record(1, "reserved", aside, 5) })
  t.equal(told.charged.tokens, 700)
  local charged = 0
  limits.charge_gone({ charge = function(_, kind, amount)
    if kind == "tokens" then charged = charged + amount end
  end }, { record(1, "child", { run = "inner" }, 3) },
    { inner = { records = { record(2, "reserved", aside, 1) }, gone = {} } }, { 5 })
  t.equal(charged, 700) -- of a child that was taken back with the step that began it
end)

t.test("a reply that broke off counts what it cost", function()
  local told = restored(nil, { record(1, "reserved", { tokens = 700, usd = 0.25 }),
    record(2, "partial", { usage = { input = 20, output = 10 }, cost_usd = 0.001 }) })
  t.equal(told.charged.tokens, 30)
  t.equal(told.charged.usd, 1000)
end)

return t
