--- What several coroutines want to know at the same time, such as whether a run gets more of what
--- all of them need: the first finds it out, the others wait for what it found. Host VM only.
local session = require "lib.session"

local together = {}

---@class together.Open something that is being found out
---@field waiting { run: HostRun, key: string }[] in the order in which they came
---@field found   any

local number = 0 -- of those who waited, by which they are woken

--- Waits until what is being found out is known. False where nobody is at it.
---@async
---@param run  HostRun who waits
---@param name string
---@return boolean waited, any found nil where whoever was at it was cancelled
function together.wait(run, name)
  local open = session.get().together[name]
  if not open then return false end
  number = number + 1
  local me = { run = run, key = ("together %d"):format(number) }
  table.insert(open.waiting, me)
  local _ <close> = setmetatable({}, { __close = function() me.run = nil end })
  local woken, err = run:wait { kind = "clock", key = me.key }
  if not woken then error(err, 0) end
  return true, open.found
end

--- Finds something out, or waits for who is at it.
---@async
---@generic T
---@param run  HostRun who wants to know
---@param name string
---@param find async fun(): T
---@return T? found nil where whoever was at it was cancelled: it may be asked for again
function together.find(run, name, find)
  local all = session.get().together
  local waited, found = together.wait(run, name)
  if waited then return found end
  local open = { waiting = {} }
  all[name] = open
  local _ <close> = setmetatable({}, { __close = function()
    all[name] = nil
    for _, one in ipairs(open.waiting) do
      if one.run then one.run:wake(one.key, "") end
    end
  end })
  open.found = find()
  return open.found
end

return together
