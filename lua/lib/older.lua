--- Records of earlier versions, as today's are: what they lack is filled in when they are read.
--- tests/journals has a journal of each. Host VM only.
local older = {}

--- The number of a conversation with its agent was not kept once; within a run they can be counted.
---@param records past.Record[] of one run; changed
function older.complete(records)
  local visits = {}
  for _, record in ipairs(records) do
    local body = record.body
    if record.kind == "prompt" and body.agent then
      body.visit = body.visit or (visits[body.agent] or 0) + 1
      visits[body.agent] = body.visit
    end
  end
end

return older
