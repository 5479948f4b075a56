--- What is done when nothing happens for too long. Each wait has a name, a bound of its own, an
--- event `stall`, and in `stalls` of the settings what then happens. Host VM only.
---
---   connect first_byte idle_stream   limits of models.lua       here: retry, fail or ask
---   tool                             its own `timeout`          here: retry, fail or ask
---   child                            its limit of time          lib/children.lua: retry or fail;
---                                                               lib/overtime.lua: ask
---   ask                              ask_deadline, wait_deadline, or a time of its own
---                                                               lib/question.lua, lib/consent.lua:
---                                                               default, fail or wait
---   run                              its limit of time          lib/overtime.lua: fail or ask
local duration = require "lib.duration"
local question = require "lib.question"
local session  = require "lib.session"

local stall = {}

---@alias stall.Name "connect"|"first_byte"|"idle_stream"|"tool"
---@alias stall.Policy "retry"|"fail"|"ask"

local AGAIN <const>, STOP <const> = "try again", "give up"

--- Tells whoever watches.
---@param run      HostRun
---@param what     string
---@param after_ms integer
---@param action   string what is done about it
function stall.tell(run, what, after_ms, action)
  session.emit(run, "stall", { what = what, after_ms = after_ms, action = action })
end

--- Asks a person. Whoever goes on comes by the same stalls of the same turn or call again, and
--- finds their answers by their number there.
local function ask(run, what, of, words, after_ms)
  local s = session.get()
  local place = ("stall.%s/%s"):format(what, of)
  local key = run.id .. " " .. place
  s.stalls[key] = (s.stalls[key] or 0) + 1
  local answer = question.put(run, { asker = "The run", choices = { AGAIN, STOP }, default = STOP,
    place = { at = ("%s.%d"):format(place, s.stalls[key]) },
    text = ("%s: nothing happened for %s."):format(words, duration.words(after_ms)) })
  return answer == AGAIN and "retry" or "fail"
end

--- A wait was too long: answers whether it is tried again.
---@async
---@param run       HostRun
---@param what      stall.Name
---@param of        string|integer the turn, or the id of the call, of which it is one
---@param words     string what was waited for, for the person
---@param after_ms  integer
---@param can_retry boolean nothing is lost or done twice by it
---@return boolean again
function stall.met(run, what, of, words, after_ms, can_retry)
  local s, action = session.get(), "fail"
  if can_retry then action = s.settings.stalls[what] end
  if action == "ask" then action = s.ask and ask(run, what, of, words, after_ms) or "fail" end
  stall.tell(run, what, after_ms, action)
  return action == "retry"
end

local NAMES <const> = { ["connect"] = "connect", ["first byte"] = "first_byte",
  ["idle stream"] = "idle_stream" }

--- The stall that the transport's error names (host/http/transport.h); nil for any other.
---@param err Error
---@return stall.Name? what, integer? after_ms
function stall.of(err)
  if err.code ~= "timeout" then return nil end
  local name, ms = err.message:match("(%l+ ?%l*): nothing happened for (%d+) ms")
  return NAMES[name], math.tointeger(tonumber(ms))
end

--- Sends requests of which each stall is met. An error says by `retryable` what came of it.
---@param run  HostRun
---@param send async fun(request: table): table?, Error?
---@param may_retry fun(): boolean whether the request may be sent again
---@return async fun(request: table): table?, Error?
function stall.watched(run, send, may_retry)
  local function judge(request, err)
    local what, after_ms = stall.of(err)
    if what then
      local host = request.url:match("^%a+://[^/]*@?([^/@]+)") or "the server"
      err.retryable = stall.met(run, what, run:spent().turns, host, after_ms, may_retry())
    end
    return err
  end
  return function(request)
    local response, err = send(request)
    if not response then return nil, judge(request, err) end
    return setmetatable({}, { __index = function(_, key)
      local value = response[key]
      if type(value) ~= "function" then return value end
      return function(_, ...)
        local answer, why = value(response, ...)
        if answer == nil and why then judge(request, why) end
        return answer, why
      end
    end })
  end
end

return stall
