--- Permissions as other hosts write them, which narrow what `tools` gave. They only ever take away,
--- and one that cannot be read takes all. Pure.
---
---   permissionMode: plan                 what only reads
---   permission: { edit: deny, bash: { "git push": deny } }      not these
---   permissions: { deny: ["Bash(rm:*)"] }                       not these
local json = require "lib.json"
local text = require "lib.text"
local tool = require "lib.tool"

local rights = {}

---@class rights.Narrow
---@field denied     any[] each as written
---@field reads_only boolean

local MODES <const> = { -- that widen nothing here: policy decides what is asked
  default = true, acceptedits = true, bypasspermissions = true, dontask = true, auto = true,
}

local function plain(key) return (key:lower():gsub("[-_]", "")) end

local function refuses(value)
  if type(value) == "string" then return value:lower() == "deny" end
  for _, inner in pairs(value) do
    if refuses(inner) then return true end
  end
  return false
end

--- The tools that a map of permissions denies; nil where it is no such map.
local function denied_by(written)
  if type(written) ~= "table" or json.is_array(written) then return nil end
  local denied = {}
  for _, key in ipairs(text.sorted_keys(written)) do
    if key == "deny" then
      denied[#denied + 1] = written[key]
    elseif key ~= "allow" and key ~= "ask" and refuses(written[key]) then
      denied[#denied + 1] = json.array { key }
    end
  end
  return denied
end

local READERS <const> = {
  permissionmode = function(narrow, value)
    if type(value) ~= "string" then return false end
    narrow.reads_only = narrow.reads_only or plain(value) == "plan"
    return narrow.reads_only or MODES[plain(value)] == true
  end,
  permission = function(narrow, value)
    local denied = denied_by(value)
    if not denied then return false end
    table.move(denied, 1, #denied, #narrow.denied + 1, narrow.denied)
    return true
  end,
}
READERS.permissions = READERS.permission

--- What the front matter takes away.
---@param front table
---@return rights.Narrow? narrow nil where nothing does
---@return string? odd the key that cannot be read: nothing may be given then
function rights.read(front)
  local narrow, any = { denied = {}, reads_only = false }, false
  for _, key in ipairs(text.sorted_keys(front)) do
    local reader = READERS[plain(key)]
    if reader then
      any = true
      if not reader(narrow, front[key]) then return nil, key end
    end
  end
  return any and narrow or nil
end

local function kept(tools, holds)
  local list = {}
  for _, name in ipairs(tools) do
    if holds(name) then list[#list + 1] = name end
  end
  return list
end

--- Takes from what `tools` gave. A list that cannot be read denies everything.
---@param given  tool.Resolved
---@param narrow rights.Narrow?
---@param known  table<string, tool.Declaration>
---@return tool.Resolved given
function rights.narrow(given, narrow, known)
  if not narrow then return given end
  for _, written in ipairs(narrow.denied) do
    local denied = tool.resolve(written, known)
    given.note = given.note or denied.note
    given.tools = kept(given.tools, function(name)
      return not denied.note and not text.one_of(denied.tools, name)
    end)
  end
  if narrow.reads_only then
    given.tools = kept(given.tools, function(name) return known[name].effect == "read" end)
  end
  return given
end

return rights
