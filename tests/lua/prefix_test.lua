--- lib/prefix.lua, lib/run_cache.lua, lib/run_cost.lua: what of a request was sent before, and what
--- a run cost.
local json      = require "lib.json"
local prefix    = require "lib.prefix"
local run_cache = require "lib.run_cache"
local run_cost  = require "lib.run_cost"
local t         = require "lib.test"

local TARGET <const> = { dialect = "anthropic", model = "m", cache_least = 1000,
  prices = { input = 2, output = 10, cache_read = 0.2, cache_write = 2.5 } }

t.test("a conversation that only grew has all of its beginning in common", function()
  t.equal(prefix.compare({ "s", "t", "p", "one" }, { "s", "t", "p", "one", "two" }), { bytes = 9, same = 6 })
end)

t.test("the first byte that differs is found, wherever it lies", function()
  local long = ("x"):rep(100000)
  for _, at in ipairs { 0, 1, 77777, 99999 } do
    local now = long:sub(1, at) .. "y" .. long:sub(at + 2)
    local told = prefix.compare({ "s", "t", "p", long }, { "s", "t", "p", now })
    t.equal(told.same, 3 + at)
    t.equal(told.differs.byte, 3 + at)
    t.equal(told.differs.part, "message 1")
    t.equal(told.differs.now:sub(1, 1), "y")
    t.equal(told.differs.before:sub(1, 1), "x")
  end
end)

t.test("a part is named, also one that ends earlier or is gone", function()
  t.equal(prefix.compare({ "s", "tools", "p" }, { "s", "tool", "p" }).differs.part, "tools")
  t.equal(prefix.compare({ "s", "tools", "p" }, { "s", "tool", "p" }).same, 5)
  local gone = prefix.compare({ "s", "t", "p", "one", "two" }, { "s", "t", "p", "one" })
  t.equal(gone.differs, { part = "message 2", byte = 6, before = "two" })
  t.equal(prefix.compare({ "s", "t", "p" }, { "S", "t", "p" }).differs.part, "settings")
end)

t.test("the parts are the same bytes for the same request, and say what is set beside the prompt", function()
  local request = { system = "p", effort = "low", messages = { "{}" },
    tools = { { name = "read", description = "Reads.", schema = "{}" } } }
  local head = prefix.sent(TARGET, request).head
  t.equal(head, prefix.sent(TARGET, request).head)
  t.equal(head[3], "p")
  t.contains(head[1], '"model":"m"')
  t.falsy(head[1]:find("effort", 1, true), "a model that is not told of effort")
end)

--- A request as it went out, with its bytes.
local function sent(request, before)
  local new = prefix.sent(TARGET, request, before)
  new.bytes = prefix.since(before or { head = {}, messages = {}, count = 0 }, new).bytes
  return new
end

t.test("of messages that were added only these are looked at; another list is compared anew", function()
  local request = { system = "p", messages = { "one", "two" }, tools = {} }
  local first = sent(request)
  request.messages[3] = "three"
  local second = sent(request, first)
  t.equal(prefix.since(first, second), { bytes = first.bytes + 5, same = first.bytes })
  request.messages = { "one", "TWO", "three" }
  local third = sent(request, second)
  t.equal(prefix.since(second, third).differs.part, "message 2")
  t.equal(third.bytes, second.bytes)
  request.system = "q"
  t.equal(prefix.since(third, prefix.sent(TARGET, request, third)).differs.part, "system prompt")
  request.tools = { { name = "read", description = "Reads.", schema = "{}" } }
  t.equal(prefix.since(third, prefix.sent(TARGET, request, third)).differs.part, "tools")
end)

t.test("what was missed counts only where the server counts, and where the prompt was long enough", function()
  local usage = { input = 10, cache_read = 500, cache_write = 1500 }
  local missed, usd = prefix.missed(usage, 2000, 1, TARGET)
  t.equal(missed, 1500)
  t.equal(("%.6f"):format(usd), ("%.6f"):format(1500 * 2.3 / 1e6))
  t.equal(prefix.missed(usage, 2000, 0.25, TARGET), 0)
  t.equal(prefix.missed({ input = 2010 }, 2000, 1, TARGET), nil)
  t.equal(prefix.missed(usage, 900, 1, TARGET), nil)
  t.equal(prefix.missed(usage, nil, 1, TARGET), nil)
  t.equal(select(2, prefix.missed(usage, 2000, 1, { cache_least = 0 })), nil)
end)

local function told(differs, missed, extra)
  local sum = run_cache.begin()
  run_cache.note(sum, "r", "prompt", { agent = "a" }, 0)
  run_cache.note(sum, "r", "turn", { agent = "a", turn = 1, usage = { input = 5, cache_write = 2000 },
    cache = { bytes = 8000, same = 0, first = true } }, 1000)
  if extra and extra.compacted then run_cache.note(sum, "r", "compaction", { agent = "a" }, 1500) end
  run_cache.note(sum, "r", "turn", { agent = "a", turn = 2, usage = { input = 5, cache_read = 0, cache_write = 3000 },
    cache = { bytes = 12000, same = 8000, differs = differs, missed = missed, missed_usd = missed and 0.0046,
      server = extra and extra.server } }, extra and extra.time or 2000)
  return run_cache.words(sum), run_cache.data(sum, "r")
end

t.test("a hit has no line of its own", function()
  local words = told(nil, 0)
  t.contains(words, "a, run r\n")
  t.contains(words, "12,000 B    8,000 B       0")
  t.falsy(words:find("turn 2:", 1, true))
end)

t.test("a miss says where, why and how much", function()
  local words, data = told({ part = "message 3", byte = 8000, before = "old\nwords", now = "new" }, 2000,
    { server = { why = "messages_changed", tokens = 1990 } })
  t.contains(words, 'turn 2: the first byte that differs is 8,000, in the message 3: "new", before "old words"; '
    .. 'the server says: an earlier message changed')
  t.contains(words, "2,000, $0.0046")
  t.contains(words, "1 turn missed 2,000 tokens, which cost $0.0046 more")
  t.equal(data.total.misses, 1)
  t.equal(data.turns[2].missed, true)
end)

t.test("a miss of the same bytes says so, with the time between", function()
  t.contains((told(nil, 2000)), "the same bytes: the server did not have them")
  t.contains((told(nil, 2000, { time = 1000 + 7 * 60000 })), "7 minutes after the turn before")
  t.contains((told(nil, 2000, { compacted = true })), "the conversation was made shorter")
end)

t.test("where nothing was counted, that is said", function()
  local sum = run_cache.begin()
  run_cache.note(sum, "r", "turn", { agent = "a", turn = 1 }, 0)
  t.contains(run_cache.words(sum), "no tokens were counted")
end)

t.test("what a run cost is added up by agent and by the model that was asked", function()
  local sum = run_cost.begin()
  local function note(kind, body) run_cost.note(sum, "r", kind, body) end
  note("prompt", { agent = "b", model = "claude-x" })
  note("turn", { agent = "b", model = "claude-x-2026", usage = { input = 1000, output = 5, cache_read = 7 }, cost_usd = 0.5 })
  note("turn", { agent = "b", model = "claude-x-2026", usage = { input = 234 }, cost_usd = 0.25 })
  note("partial", { agent = "b", text = "half", usage = { input = 10, output = 1 }, cost_usd = 0.1 })
  note("compaction", { agent = "b", model = "small", usage = { input = 9, output = 1 }, cost_usd = 0.01 })
  note("turn", { agent = "a", model = "local", usage = { input = 3 } })
  note("decision", { what = "policy", agent = "b" })
  local data = run_cost.data(sum, "r")
  t.equal(json.encode(data.rows[2]), '{"agent":"b","model":"claude-x","turns":2,"input":1234,"cache_read":7,"cache_write":0,"output":5,"usd":0.75}')
  t.equal({ data.rows[3].agent, data.rows[3].usd, data.rows[3].estimated }, { "b (broke off)", 0.1, true })
  t.equal(data.rows[4].agent, "b (summed up)")
  t.equal(data.rows[1].usd, nil)
  t.equal(data.total.usd, nil)
  t.equal(data.total.input, 1256)
  t.contains(run_cost.words(sum), "b              claude-x      2  1,234           7            0       5   $0.7500\n")
  t.contains(run_cost.words(sum), "b (broke off)  claude-x      0     10           0            0       1  ~$0.1000\n")
  t.contains(run_cost.words(sum), "unknown")
end)

return t
