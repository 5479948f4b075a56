--- Runs below a run: made, or taken up again where one was under way, carried to their end, and
--- accounted for where they had ended before. Host VM only.
local agent   = require "lib.agent"
local asking  = require "lib.asking"
local door    = require "lib.door"
local duration = require "lib.duration"
local limits  = require "lib.limits"
local past    = require "lib.past"
local session = require "lib.session"
local stall   = require "lib.stall"

local children = {}

local TRIES_MOST <const> = 3 -- of a child whose time is over each time

---@class children.Spec
---@field agent   string  an agent's name, or a chain's file
---@field task    string
---@field record  table   what the parent's record says besides, such as where it stands
---@field started table   what the child's first record says besides
---@field place?  table   where it works; see run:child
---@field limits? Limits  what it may use of what its parent has left
---@field again?  table   body of the parent's record of a child that was under way
---@field try?    integer which of several that ran out of their time; 1 where it is missing
---@field work    async fun(child: HostRun): agent.Result?, Error?

--- How a child ended before this process; nil where it did not come to an end of its own.
local function ended(body)
  local mine = body and past.of(body.run)
  local last = mine and mine.ended and mine.ended.body
  if not last or last.status == "cancelled" then return nil end
  return last
end

--- What a child spent that is not carried again counts for its parent as it did then.
local function account(run, last)
  run:charge("children", 1)
  for key, amount in pairs(last.spent or {}) do
    if math.type(amount) == "integer" and amount > 0 then run:charge(key, amount) end
  end
end

--- Tells who counts what a child did that is not carried again, and those below it.
local function tell(id, parent)
  local mine = past.of(id)
  for _, record in ipairs(mine and mine.records or {}) do
    session.emit({ id = id, parent = parent }, record.kind, record.body, record.seq, true)
    if record.kind == "child" then tell(record.body.run, id) end
    local acted = record.kind == "call" and not record.body.refused and record.body.effect
    if acted and acted ~= "read" then session.act(id, "outside") end -- how far is not known now
  end
  session.act(parent, session.get().acted[id])
end

local count

--- When another process took up the tree of a run that goes on.
local function stops() return limits.stops(past.of(session.get().top).records) end

--- What a record says was spent, by its kind; limits.charge_cut has what broke off.
local SPENT <const> = {
  turn = function(run, body) asking.recharge(run, body) end,
  compaction = function(run, body) asking.recharge(run, body, 0) end,
  call = function(run, body) if not body.refused then run:charge("calls", 1) end end,
  result = function(run, body) if body.wrote then run:charge("written", body.wrote) end end,
  hop = function(run) run:charge("hops", 1) end,
  child = function(run, body) count(run, body) end,
}

local function charge(run, record)
  local spent = SPENT[record.kind]
  if spent then spent(run, record.body) end
end

--- What a child spent, also where no end says so; one without records never began. The end of one
--- that was cancelled does not know what it had not come by again.
function count(run, body)
  local mine = past.of(body.run)
  if not mine or #mine.records == 0 then return end
  local last = mine.ended and mine.ended.body
  if last and last.status ~= "cancelled" then return account(run, last) end
  run:charge("children", 1)
  limits.charge_cut(run, mine.records, stops(), mine.gone)
  limits.charge_gone(run, mine.gone, session.get().pasts, stops())
  for _, record in ipairs(mine.records) do charge(run, record) end
end

--- Counts what a child did that is not carried on: its copy is gone, or its branch was cancelled.
---@param run  HostRun
---@param body table its parent's record of it
function children.give_up(run, body)
  tell(body.run, run.id)
  count(run, body)
end

--- What a child that is over did not come by again counts all the same: it was cancelled before.
local function settle(child)
  local mine = past.of(child)
  for _, record in ipairs(mine and past.left(mine) or {}) do
    session.emit(child, record.kind, record.body, record.seq, true)
    if record.kind == "child" then
      children.give_up(child, record.body)
    else
      charge(child, record)
    end
  end
end

--- Where a run worked: the workspace that its first record names, else its parent's.
local function workspace_of(mine)
  local first = mine and mine.records[1] and mine.records[1].body or {}
  return first.workspace or first.parent and workspace_of(past.of(first.parent))
end

--- What a child changed that came to its end beside its parent counts for the parent as then.
local function touch(run, body)
  local mine, calls = past.of(body.run), {}
  local beside = workspace_of(mine) == workspace_of(past.of(run.id))
  for _, record in ipairs(beside and ended(body) and mine.records or {}) do
    if record.kind == "call" then calls[record.body.id] = record.body end
    if record.kind == "child" then touch(run, record.body) end
    if record.kind == "result" then door.touched(run, calls[record.body.id], record.body) end
  end
end

--- The end of a child that its own journal has.
---@param run  HostRun
---@param body table its parent's record of it
---@return agent.Result? result, Error? err
function children.recall(run, body)
  local last = ended(body)
  if not last then
    return nil, { code = "io", message = ("the journal has no end of %s"):format(body.run) }
  end
  account(run, last)
  tell(body.run, run.id)
  touch(run, body)
  session.get().late[body.run] = last.late
  if last.result then return last.result end
  return nil, last.error
end

local function open(run, spec)
  local mine = spec.again and past.of(spec.again.run)
  local first = mine and mine.records[1]
  local child, err = limits.child(run, spec.limits, {
    agent = spec.agent, task = spec.task, place = spec.place,
    past = first and { id = spec.again.run, seq = mine.seq, started = first.time } or nil })
  if child and first then
    limits.restore(child, mine.records, stops(), mine.gone)
    limits.charge_gone(child, mine.gone, session.get().pasts, stops())
  end
  return child, err, first ~= nil
end

--- One child from its first record to its last.
---@return agent.Result? result, Error? err, string? id
local function once(run, spec)
  if ended(spec.again) then
    local result, err = children.recall(run, spec.again)
    return result, err, spec.again.run
  end
  local child, err, known = open(run, spec)
  if not child then return nil, err end
  -- Also when we are cancelled:
  local _ <close> = setmetatable({}, { __close = function()
    settle(child)
    child:close()
  end })
  if not known then
    local body = { run = child.id, agent = spec.agent, task = spec.task, try = spec.try }
    for key, value in pairs(spec.record) do body[key] = value end
    session.record(run, "child", body)
    local began = { format = 2, agent = spec.agent, task = spec.task, parent = run.id }
    for key, value in pairs(spec.started) do began[key] = value end
    if began.chain then began.agent = nil end
    session.record(child, "run.started", began)
  end
  local result
  result, err = agent.whole(child, function() return spec.work(child) end)
  if not spec.place then session.pass_files(child, run) end
  local acted = session.get().acted[child.id]
  if not spec.place or acted == "outside" then session.act(run.id, acted) end
  return result, err, child.id
end

--- Whether a child that ended since its time was over is begun anew: where `stalls.child` says so,
--- and nothing that it did is done twice by it. What it wrote in a copy of its own is gone with
--- that. What is done is told.
---@param run     HostRun its parent
---@param id      string
---@param try     integer which of several it was
---@param in_copy boolean
---@return boolean
function children.again(run, id, try, in_copy)
  local s = session.get()
  local after_ms, acted = s.late[id], s.acted[id]
  if not after_ms then return false end
  s.late[id] = nil
  local may = try < TRIES_MOST and (not acted or in_copy and acted == "write")
  local action = may and s.settings.stalls.child == "retry" and "retry" or "fail"
  stall.tell({ id = id, parent = run.id }, "child", after_ms, action)
  if action == "retry" then
    session.emit(run, "notice", { text = ("the time of %s, %s, is over: another begins anew")
      :format(id, duration.words(after_ms)) })
  end
  return action == "retry"
end

--- One child to its end, and another in its place where its time was over before and it may be
--- begun anew; in a copy of its own only the one: the next needs a copy without what it wrote.
---@async
---@param run  HostRun
---@param spec children.Spec
---@return agent.Result? result, Error? err, string? id of the child; nil: it was not made
function children.carry(run, spec)
  while true do
    local try = spec.again and spec.again.try or spec.try or 1
    local result, err, id = once(run, spec)
    if not id or spec.place or not children.again(run, id, try, false) then
      return result, err, id
    end
    spec.again, spec.try = nil, try + 1
  end
end

return children
