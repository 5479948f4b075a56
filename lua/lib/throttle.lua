--- How many requests one server is sent at a time under one key. It says itself when that is too
--- many (429, 529, an overload in a stream); what was learnt holds for all runs of the process. As
--- TCP does it: a refusal halves, each round of successes adds one. Host VM only.
local throttle = {}

local HALF <const> = 0.5

---@class throttle.Line one server and key
---@field name    string
---@field width   number  requests at a time, and the fraction of the next one
---@field most    integer models.lua's `at_once`
---@field sent    integer requests so far, by which a request is numbered
---@field lowered integer the last one that was under way when the width was lowered
---@field till?   integer on the loop's clock: before that the server wants to be left alone

---@type table<string, throttle.Line>
local lines = {}

---@class throttle.Turn one request's
---@field line   throttle.Line
---@field place? HostPlace
---@field run    HostRun
---@field limits table
---@field number integer
local Turn = {}
Turn.__index = Turn

local function line_of(target)
  local name = target.base_url .. " " .. (target.secret or "")
  local line = lines[name] or { name = name, width = target.at_once, sent = 0, lowered = 0 }
  lines[name] = line
  line.most = target.at_once
  line.width = math.min(line.width, line.most)
  return line
end

--- The places that there are now.
local function places(line) return math.max(1, math.floor(line.width)) end

--- Stands in line for a request to `target`. Waits for nothing; to be closed.
---@param run    HostRun
---@param target model.Target
---@return throttle.Turn
function throttle.turn(run, target)
  local line = line_of(target)
  return setmetatable({ line = line, run = run, limits = target.limits, number = 0,
    server = target.base_url, place = run:place(line.name, places(line)) }, Turn)
end

--- Waits until the request may go.
---@async
---@param on_event fun(event: table) gets { kind = "waiting", ahead, at_once }, where it has to wait
---@return boolean? ready, Error? err
function Turn:wait(on_event)
  local line, place = self.line, self.place
  local quiet = (line.till or 0) - self.run:clock()
  if not place.granted or quiet > 0 then
    on_event { kind = "waiting", ahead = place.ahead, at_once = places(line),
      wait_ms = quiet > 0 and quiet or nil }
  end
  local ready, err = place:wait(self.limits.most_queue_ms)
  if not ready then
    return nil, { code = "timeout", retryable = false, message = ("waited %d s for a turn: the "
      .. "server takes %d at a time"):format(self.limits.most_queue_ms // 1000, places(line)),
      details = { cause = err.message } }
  end
  quiet = (line.till or 0) - self.run:clock()
  if quiet > 0 then self.run:sleep(quiet) end
  line.sent = line.sent + 1
  self.number = line.sent
  return true
end

--- One refusal of several that were under way together lowers; the others say the same.
local function lower(turn, asked_ms)
  local line = turn.line
  if asked_ms and asked_ms <= turn.limits.most_asked_ms then
    line.till = math.max(line.till or 0, turn.run:clock() + asked_ms)
  end
  if turn.number <= line.lowered then return end
  line.width = math.max(1, math.min(line.width, turn.place.taken) * HALF)
  line.lowered = line.sent
end

--- The request is over: gives the place back, and keeps what its outcome teaches.
---@param err? Failure
function Turn:over(err)
  local line = self.line
  if err and err.details and err.details.busy then
    lower(self, err.details.retry_after_ms)
  elseif not err then
    line.width = math.min(line.most, line.width + 1 / line.width)
  end
  self.place:leave(places(line))
  self.place = nil
end

--- A request that was given up teaches nothing.
function Turn:__close()
  if self.place then self.place:leave() end
  self.place = nil
end

return throttle
