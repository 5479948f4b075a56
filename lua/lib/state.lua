--- Small files of JSON in the state folder: read whole, checked, changed under a lock.
local json = require "lib.json"

local state = {}

---@class state.File
---@field name  "trust.json"|"written.json"
---@field empty fun(): table what it holds before anything does
---@field check fun(value: table): string? what is wrong with it

--- What a file holds. One that cannot be read, or not be understood, is an error that names it:
--- nobody may take it for empty.
---@param cli  table
---@param file state.File
---@return table? value, Error? err
function state.read(cli, file)
  local source, err = cli.state_read(file.name)
  if not source then
    if err.code == "not_found" or err.code == "unavailable" then return file.empty() end
    return nil, err
  end
  local value, why = json.decode(source)
  why = why and why.message
  if not why then why = type(value) ~= "table" and "it holds no object" or file.check(value) end
  if not why then return value end
  return nil, { code = "invalid", message = ("%s cannot be used: %s; look at it, mend it or "
    .. "move it away"):format((cli.folders().state or "") .. "/" .. file.name, why) }
end

--- Changes a file under the lock, so that two writers do not lose each other's lines. `change` gets
--- what stands there now, and answers it changed; nil leaves it as it is.
---@async
---@param cli    table
---@param file   state.File
---@param change fun(value: table): table?
---@return boolean? ok, Error? err
function state.update(cli, file, change)
  local ok, err = cli.state_lock()
  if not ok then return nil, err end
  local value
  value, err = state.read(cli, file)
  local changed = value and change(value)
  if changed then
    ok, err = cli.state_write(file.name, json.encode(changed, { indent = 1 }) .. "\n")
  end
  cli.state_unlock()
  if err then return nil, err end
  return ok
end

return state
