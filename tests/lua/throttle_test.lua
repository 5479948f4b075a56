--- What a server's refusals teach: widths, and the time it wants to be left alone; and which models
--- are passed over.
local cooldown = require "lib.cooldown"
local t = require "lib.test"
local throttle = require "lib.throttle"

local LIMITS <const> = { most_queue_ms = 1000, most_asked_ms = 60000, cooldown_ms = 30000 }
local count = 0

--- A server that nobody knows yet.
local function server(at_once)
  count = count + 1
  return { base_url = "http://server" .. count, model = "m", at_once = at_once, limits = LIMITS }
end

--- A run with a clock of its own; `widths` are those that places were left with.
local function fake_run()
  local run = { now = 1000, slept = {}, taken = 0, widths = {} }
  function run.clock() return run.now end
  function run.sleep(_, ms)
    run.slept[#run.slept + 1] = ms
    run.now = run.now + ms
  end
  function run.place(_, _, width)
    run.taken = run.taken + 1
    local place = setmetatable({ granted = run.taken <= width, ahead = 0 },
      { __index = function(_, key) return key == "taken" and run.taken or nil end })
    function place.wait() return true end
    function place.leave(_, later)
      run.taken = run.taken - 1
      run.widths[#run.widths + 1] = later
    end
    return place
  end
  return run
end

local function quiet() end

local function busy(asked_ms)
  return { code = "unavailable", details = { busy = true, retry_after_ms = asked_ms } }
end

--- So many requests side by side, each with its outcome.
local function wave(run, target, outcomes)
  local turns = {}
  for i = 1, #outcomes do
    turns[i] = throttle.turn(run, target)
    turns[i]:wait(quiet)
  end
  for i, outcome in ipairs(outcomes) do turns[i]:over(outcome or nil) end
  return run.widths[#run.widths]
end

t.test("one refusal halves what was under way, and its siblings do not halve again", function()
  local run, target = fake_run(), server(16)
  t.equal(wave(run, target, { busy(), busy(), busy(), busy(), busy(), busy() }), 3)
  t.equal(wave(run, target, { busy(), false, false }), 2)
  t.equal(wave(run, target, { busy() }), 1, "never none")
end)

t.test("each round of successes lets one more in, up to the most", function()
  local run, target = fake_run(), server(3)
  t.equal(wave(run, target, { busy(), busy() }), 1)
  t.equal(wave(run, target, { false }), 2)
  t.equal(wave(run, target, { false, false }), 2)
  t.equal(wave(run, target, { false, false }), 3)
  for _ = 1, 20 do wave(run, target, { false, false, false }) end
  t.equal(run.widths[#run.widths], 3)
end)

t.test("other failures teach nothing", function()
  local run, target = fake_run(), server(4)
  t.equal(wave(run, target, { { code = "unavailable", details = { status = 500 } } }), 4)
  local turn = throttle.turn(run, target)
  getmetatable(turn).__close(turn)
  t.equal(run.taken, 0, "a turn that was given up is over")
end)

t.test("a server that says when is left alone until then, by all", function()
  local run, target, other = fake_run(), server(4), server(4)
  wave(run, target, { busy(5000) })
  run.now = run.now + 1000
  local events = {}
  local turn = throttle.turn(run, target)
  turn:wait(function(event) events[#events + 1] = event end)
  t.equal(run.slept, { 4000 })
  t.equal({ events[1].kind, events[1].wait_ms, events[1].at_once }, { "waiting", 4000, 1 })
  turn:over()
  wave(run, other, { false })
  t.equal(#run.slept, 1, "another server is another line")
  wave(run, target, { busy(3600000) })
  wave(run, target, { false })
  t.equal(#run.slept, 1, "an hour is not waited for; that is for the list of models")
end)

t.test("each key of a server has a line of its own", function()
  local run, one = fake_run(), server(4)
  local two = { base_url = one.base_url, model = "m", at_once = 4, limits = LIMITS, secret = "B_KEY" }
  wave(run, one, { busy(), busy() })
  t.equal(wave(run, two, { false }), 4)
end)

-- cooldown ---------------------------------------------------------------------------------------

local function failed(details)
  return { code = "unavailable", retryable = true, message = "it failed", details = details }
end

t.test("a model that failed stands behind the others for its time", function()
  local a, b = server(1), server(1)
  t.equal(select(2, cooldown.order({ a, b }, 0)), nil)
  cooldown.note(a, failed { status = 529 }, 1000)
  local order, why = cooldown.order({ a, b }, 2000)
  t.equal({ order[1].base_url, order[2].base_url }, { b.base_url, a.base_url })
  t.equal(why, "m failed just now and rests for 29 s more: it failed")
  t.equal(cooldown.order({ a, b }, 31000)[1].base_url, a.base_url)
end)

t.test("where all rest the order stays, and a reply ends the rest", function()
  local a, b = server(1), server(1)
  cooldown.note(a, failed { status = 500 }, 0)
  cooldown.note(b, failed { status = 500 }, 0)
  t.equal(cooldown.order({ a, b }, 1)[1].base_url, a.base_url)
  cooldown.clear(a)
  t.equal(cooldown.left(a, 1), nil)
end)

t.test("a server that asks for longer rests longer, within reason", function()
  local a = server(1)
  cooldown.note(a, failed { status = 429, retry_after_ms = 120000 }, 0)
  t.equal(cooldown.left(a, 0), 120000)
  cooldown.note(a, failed { status = 429, retry_after_ms = 86400000 }, 0)
  t.equal(cooldown.left(a, 0), 300000)
end)

t.test("a server that gave no answer rests with all its models, what will not pass does not", function()
  local a = server(1)
  local other = { base_url = a.base_url, model = "n", at_once = 1, limits = LIMITS }
  cooldown.note(a, failed { status = 529 }, 0)
  t.equal(cooldown.left(other, 0), nil)
  cooldown.note(a, failed(nil), 0)
  t.equal(cooldown.left(other, 0), 30000)
  local b = server(1)
  cooldown.note(b, { code = "denied", retryable = false, message = "no", details = {} }, 0)
  t.equal(cooldown.left(b, 0), nil)
end)

return t
