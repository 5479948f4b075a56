--- One layer of settings: a config.yaml, or one option of the command line, read and checked.
local keys   = require "lib.settings_keys"
local text   = require "lib.text"
local values = require "lib.settings_values"

local layers = {}

local FILE_MOST <const> = 256 * 1024 -- bytes of a config.yaml

---@class settings.Layer
---@field file     string
---@field found    table<string, { value: any, node: settings.Node }> by key
---@field problems { line: integer, column: integer, message: string }[]

local function new_layer(file, home)
  local layer = { file = file, found = {}, problems = {} }
  layer.read = { home = home, problem = function(node, message)
    table.insert(layer.problems, { line = node.line, column = node.column, message = message })
  end }
  return layer
end

local function unknown(layer, entry, name, names)
  layer.read.problem({ line = entry.key_line, column = entry.key_column },
    ("unknown key %q%s"):format(name, text.suggest(name, names)))
end

--- Reads one key, with its place.
local function take(layer, key, node)
  local value = key.read(layer.read, node)
  if value == nil then return end
  if key[1] == "policy.rules" then
    for _, rule in ipairs(value) do rule.file = layer.file end
  end
  layer.found[key[1]] = { value = value, node = node }
end

--- The keys of one section, whose own name is `section`.
local function read_section(layer, section)
  if values.is_blank(section) then return end -- its keys are commented out
  if section.kind ~= "map" then
    return layer.read.problem(section, "keys are expected below " .. section.key)
  end
  local names = {}
  for _, key in ipairs(keys.ALL) do
    names[#names + 1] = key[1]:match("^" .. section.key .. "%.(.*)$")
  end
  for _, entry in ipairs(section) do
    local key = keys.find(section.key .. "." .. entry.key)
    if key then take(layer, key, entry) else unknown(layer, entry, entry.key, names) end
  end
end

--- A file's text as a layer. What YAML refuses is its one problem, and `unread` is set.
local function read_text(cli, layer, source)
  local tree, err, fault = cli.yaml(source)
  if not tree then
    layer.unread = true
    layer.read.problem(fault, err.message)
  elseif tree.kind ~= "map" then
    layer.read.problem(tree, "settings are expected, such as limits: { time: 60s }")
  else
    for _, entry in ipairs(tree) do
      if entry.key == "grants" then
        if not values.is_blank(entry) then take(layer, keys.find("grants"), entry) end
      elseif text.one_of(keys.SECTIONS, entry.key) then
        read_section(layer, entry)
      else
        unknown(layer, entry, entry.key, { "grants", table.unpack(keys.SECTIONS) })
      end
    end
  end
end

--- Where a node stands, for messages.
---@return string place
function layers.at(layer, place)
  if not place.line then return layer.file end
  return ("%s:%d:%d"):format(layer.file, place.line, place.column)
end

--- The layer's problems as one error, or nil: the first in the message, all of them in `details`.
---@param advice? string behind the first problem
---@return Error? err
function layers.refusal(layer, advice)
  if #layer.problems == 0 then return nil end
  local said = {}
  for i, one in ipairs(layer.problems) do said[i] = layers.at(layer, one) .. ": " .. one.message end
  local more = #said > 1 and (" (and %s; perigee doctor lists them)")
    :format(text.plural(#said - 1, "more problem")) or ""
  return { code = "invalid", message = said[1] .. (advice or "") .. more, details = said }
end

--- What a missing path means: nothing by that name, or a link that leads nowhere.
---@return Error? err
local function dangling(cli, path)
  local folder, name = path:match("^(.*)/([^/]+)$")
  for _, entry in ipairs(cli.list_folder(folder) or {}) do
    if entry.name == name then
      return { code = "not_found",
        message = path .. " is a link that leads nowhere; mend it or remove it" }
    end
  end
end

--- The layer of `folder`'s config.yaml; nil where there is none.
---@return settings.Layer? layer, Error? err
function layers.of_file(cli, folder, home)
  local layer = new_layer(folder .. "/config.yaml", home)
  local source, err = cli.read_file(layer.file, FILE_MOST)
  if source then
    read_text(cli, layer, source)
    return layer
  end
  if err.code == "not_found" then return nil, dangling(cli, layer.file) end
  return nil, { code = err.code, message = "settings: " .. err.message }
end

--- The user's own layer. What others could have written is not obeyed.
---@return settings.Layer? layer, Error? err
function layers.of_user(cli, folder, home)
  for _, path in ipairs { folder, folder .. "/config.yaml" } do
    local ok, err = cli.guard(path)
    if not ok then
      if err.code == "not_found" then return nil, dangling(cli, path) end
      return nil, err
    end
  end
  return layers.of_file(cli, folder, home)
end

--- A value of the command line as the node that a file would have.
local function node_of(cli, one)
  if one.yaml then
    local node, err = cli.yaml(one.value)
    return node, err and err.message
  end
  if type(one.value) == "table" then
    local list = { kind = "list" }
    for i, value in ipairs(one.value) do list[i] = { kind = "scalar", text = value } end
    return list
  end
  local amount = math.type(one.value) == "integer" and one.value or nil
  return { kind = "scalar", text = tostring(one.value), quoted = true, amount = amount }
end

--- One option as a layer of one key, or what is wrong with it.
---@return settings.Layer? layer, Error? err
function layers.of_option(cli, one, home)
  local layer = new_layer("command line", home)
  local key = keys.find(one.key) or one.key:match("^grants%.") and keys.find("grants")
  local said = one.yaml and "--setting " .. one.key or one.said
  local function refuse(why)
    return nil, { code = "invalid", message = ("%s: %s"):format(said, why) }
  end
  if not key then
    return refuse("unknown key" .. text.suggest(one.key, keys.names()) .. "; the keys are "
      .. table.concat(keys.names(), ", "))
  end
  if not one.value then return refuse("KEY=VALUE is expected, such as limits.memory=8G") end
  local node, why = node_of(cli, one)
  if not node then return refuse(why) end
  local tool = one.key:match("^grants%.(.*)$")
  if tool then
    node.key = tool
    node = { kind = "map", node }
  end
  take(layer, key, node)
  if layer.problems[1] then return refuse(layer.problems[1].message) end
  layer.said = said
  return layer
end

return layers
