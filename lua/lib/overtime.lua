--- What happens when the time of a run, or of an agent's part in it, is over. By itself the host
--- ends it (host/run/run.h). Where `stalls.run` or `stalls.child` say `ask`, nothing new begins in
--- it, what is under way comes to its end, and a person is asked for more time. Host VM only.
local duration = require "lib.duration"
local more     = require "lib.more"
local session  = require "lib.session"
local stall    = require "lib.stall"
local together = require "lib.together"

local overtime = {}

local function name_of(id) return "time of " .. id end

--- The name of the stall.
---@param run HostRun
---@return "run"|"child"
function overtime.what(run) return run.parent and "child" or "run" end

--- Whether a person is asked when the time of this run is over.
---@param run HostRun
---@return boolean
function overtime.asks(run)
  local s = session.get()
  return s.settings.stalls[overtime.what(run)] == "ask" and (s.ask ~= nil or s.parks == true)
end

--- Before anything new begins: waits where the time of the run, or of one above, is over, until a
--- person said what then.
---@async
---@param run HostRun
function overtime.hold(run)
  while run.late do
    if not together.wait(run, name_of(run.late)) then
      run:wait { kind = "clock", key = "the end of it" } -- which was said, and comes
    end
  end
end

---@class overtime.Of whose time it is
---@field name   string  "time" of a run, "time.part2"
---@field asks   boolean a person is asked
---@field left   integer milliseconds
---@field whole  integer milliseconds, what it had; that much more is offered
---@field words  string  "the limit of 4 min of x-agent's part"
---@field given? fun(ms: integer) it has so much from now on
---@field ends   async fun(): table? what comes of it where it gets no more

--- Asks for more time. Answers how much from now on; nil: none.
local function ask(run, of)
  overtime.hold(run)
  if more.given(run, of.name).ended then return nil end
  stall.tell(run, overtime.what(run), of.whole, "ask")
  run:be_late(true)
  local asking <close> = setmetatable({}, { __close = function(asking)
    if not asking.known then run:be_late(false) end -- a part was over before anybody answered
  end })
  return together.find(run, name_of(run.id), function()
    local said = more.ask(run, { limit = "time", name = of.name, amount = of.whole,
      why = of.words .. " is reached" })
    asking.known = true
    if said.verdict ~= "raise" then return false end
    if of.given then of.given(said.amount) end
    run:be_late(false)
    return said.amount
  end) or nil
end

--- Does `work` while its time is watched.
---@async
---@param run  HostRun
---@param of   overtime.Of
---@param work async fun(): table?, Error?
---@return table? result, Error? err
function overtime.within(run, of, work)
  local done, err = run:race {
    work = function() -- a failure must settle the race as well as a success
      local ok, result, why = pcall(work)
      return { ok = ok, result = result, err = why }
    end,
    time = function() -- runs first: where nothing is left it asks before anything begins
      local left = of.left
      repeat
        if left > 0 then run:wait { kind = "clock", key = of.name, ms = left } end
        left = of.asks and ask(run, of)
      until not left
      return of.ends()
    end,
  }
  if not done then return nil, err end
  if not done.ok then error(done.result, 0) end
  return done.result, done.err
end

--- How long a run had that ended since its time, or its part's, was over; nil for any other.
---@param run    HostRun
---@param status string
---@return integer? ms
function overtime.ended(run, status)
  local s = session.get()
  local _, used, own = run:time_left()
  if status == "limit" and own == 0 and not s.late[run.id] then
    s.late[run.id] = s.allowed[run.id] or used
  end
  return s.late[run.id]
end

--- The whole work of a run, with its own time watched where the host does not end it.
---@async
---@param run  HostRun
---@param work async fun(): table?, Error?
---@return table? result, Error? err
function overtime.whole(run, work)
  local _, _, own = run:time_left()
  if not own or not overtime.asks(run) then return work() end
  local whole = session.get().allowed[run.id] or own
  return overtime.within(run, { name = "time", asks = true, left = own, whole = whole,
    words = ("the limit of %s for %s"):format(duration.words(whole), run.agent),
    given = function(ms) run:deadline_in(ms, true) end,
    ends = function()
      run:deadline_in(0) -- from here on it is the host's
      run:wait { kind = "clock", key = "the end of it" }
    end }, work)
end

return overtime
