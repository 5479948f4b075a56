--- What an agent's part may use: what its definition says, and what `limits` of policy.lua says,
--- the user's and a project's. All of them only narrow. What policy says of a part is a decision,
--- recorded as such and not taken again. Host VM only.
local allowance = require "lib.allowance"
local hop       = require "lib.hop"
local past      = require "lib.past"
local ruling    = require "lib.ruling"
local session   = require "lib.session"

local part_limits = {}

---@class part_limits.Said
---@field limits Limits
---@field why?   string the reasons, where policies gave some

--- What policies say of an agent's part; nil where none says anything.
---@async
---@param asker HostRun|{ decide: function }
---@param files string[] policies that have `limits`
---@param who   agent.Agent
---@param facts table as routing gets them
---@return part_limits.Said? said, Error? err
function part_limits.ask(asker, files, who, facts)
  local most, reasons = nil, {}
  for _, file in ipairs(files) do
    local answer, err = ruling.ask(asker, file, "limits", hop.facts(who), facts)
    if err then return nil, err end
    if answer then
      reasons[#reasons + 1], answer.why = answer.why, nil
      local read
      read, err = allowance.read(answer, allowance.OF_AGENT)
      if not read then return ruling.wrong(asker, file, "limits", err.message) end
      most = allowance.narrower(most or {}, read)
    end
  end
  return most and { limits = most, why = reasons[1] and table.concat(reasons, "; ") or nil }
end

--- What a part that begins now may use.
---@async
---@param run   HostRun
---@param who   agent.Agent
---@param facts table
---@return Limits? most, Error? err
function part_limits.of(run, who, facts)
  local files, own = session.get().limiting, who.limits or {}
  local said = past.take(run, "decision", "limits")
  local began = past.peek(run, "prompt") -- without a decision: nothing limited it then
  if not said and #files > 0 and not began then
    local err
    said, err = part_limits.ask(run, files, who, facts)
    if err then return nil, err end
    if said then
      session.record(run, "decision", { what = "limits", agent = who.name, limits = said.limits,
        why = said.why })
    end
  end
  return said and allowance.narrower(own, said.limits) or own
end

return part_limits
