--- Small files of JSON in the state folder: read whole, checked, changed so that two writers do not
--- lose each other's lines.
local json = require "lib.json"

local state = {}

local MOST  <const> = 4 * 1024 * 1024 -- bytes
local TRIES <const> = 50 -- when others change it at the same time

---@class state.File
---@field name  "trust.json"|"written.json"
---@field empty fun(): table what it holds before anything does
---@field check fun(value: table): string? what is wrong with it

local function decode(file, source)
  local value, err = json.decode(source)
  if err then return nil, err.message end
  if type(value) ~= "table" then return nil, "it holds no object" end
  local why = file.check(value)
  if why then return nil, why end
  return value
end

--- What a file holds. One that cannot be read, or not be understood, is an error that names it:
--- nobody may take it for empty.
---@param cli  table
---@param file state.File
---@return table? value, Error|string|nil more the error; else the text, nil where there is no file
function state.read(cli, file)
  local folder = cli.folders().state
  local path = folder and folder .. "/" .. file.name
  if not path then return file.empty() end
  local safe, err = cli.guard(path)
  if not safe and err.code == "not_found" then return file.empty() end
  local source
  if safe then source, err = cli.read_file(path, MOST) end
  if not source then return nil, err end
  local value, why = decode(file, source)
  if value then return value, source end
  return nil, { code = "invalid",
    message = ("%s cannot be used: %s; look at it, mend it or move it away"):format(path, why) }
end

--- Changes a file. `change` gets what stands there now, and answers it changed; nil leaves it as it
--- is. It is asked again when somebody else was faster.
---@async
---@param cli    table
---@param file   state.File
---@param change fun(value: table): table?
---@return boolean? ok, Error? err
function state.update(cli, file, change)
  local folder, err = cli.state_folder()
  if not folder then return nil, err end
  for _ = 1, TRIES do
    local value, was = state.read(cli, file)
    if not value then return nil, was end
    local changed = change(value)
    if not changed then return true end
    local done
    done, err = cli.keep(folder .. "/" .. file.name, was,
      json.encode(changed, { indent = 1 }) .. "\n")
    if done then return true end
    if err.code ~= "invalid" then return nil, err end
  end
  return nil, err
end

return state
