--- The records of a run, read piece by piece: however long it is, a page of them is held at a time.
local records = {}

local PAGE <const> = 4 * 1024 * 1024 -- bytes of bodies

--- The records of a run, oldest first. Raises what the store says when it cannot be read.
---@param cli table
---@param run string
---@return fun(): { seq: integer, time: integer, kind: string, body: string }?
function records.of(cli, run)
  local page, at, from = {}, 0, 1
  return function()
    at = at + 1
    if not page[at] then
      local err
      page, err = cli.read_run(run, from, PAGE)
      if not page then error(err, 0) end
      at = 1
    end
    local record = page[at]
    if record then from = record.seq + 1 end
    return record
  end
end

return records
