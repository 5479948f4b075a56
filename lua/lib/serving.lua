--- Which tools a model's provider may do in place of ours, or at all: `provider.tools` of the
--- settings. Whether it is asked to is up to policy (lib/door.lua), to the model's dialect and to
--- the server (lib/model.lua). The search has a setting of its own (lib/searching.lua).
local text = require "lib.text"

local serving = {}

--- Tools that only a provider does: their files say so to whoever calls them all the same.
local ONLY <const> = { code_execution = true }

local WEB <const> = "what the model's provider finds on the web"
local REACH <const> = {
  code_execution = "a machine of the model's provider, with what the model sends there",
}

--- What such a use reaches, in words, and which hosts: on the web any, so that a rule against one
--- host is a rule against this.
---@param name string of a tool
---@return string reach, string[] hosts
function serving.reach(name)
  if REACH[name] then return REACH[name], {} end
  return WEB, { "*" }
end

--- Marks what the settings let a provider do. What a project puts under such a name is another
--- tool.
---@param tools   table<string, tool.Declaration>
---@param inforce settings.Settings
function serving.apply(tools, inforce)
  for name, declaration in pairs(tools) do
    local origin = declaration.origin or "distribution"
    if origin == "distribution" then declaration.only_served = ONLY[name] end
    if origin ~= "project" then
      local allowed = text.one_of(inforce.provider.tools, name)
      declaration.server = allowed and { always = true } or nil
    end
  end
end

--- Who does a tool's work besides this host, for lists of tools; "" where nobody does.
---@param declaration tool.Declaration
---@return string words
function serving.words(declaration)
  if declaration.server then
    local rest = declaration.only_served and "the model's provider does it, where it can"
      or "the model's provider does it in its place, where it can"
    return "; " .. rest
  end
  return declaration.only_served and "; the model's provider would do it (provider.tools)" or ""
end

--- Why a tool that only a provider does is not done.
---@param declaration tool.Declaration
---@return string? why
function serving.missing(declaration)
  if not declaration.only_served then return nil end
  return ("the model's provider does it, and is not asked to; `provider: { tools: [%s] }` in "
    .. "config.yaml lets it"):format(declaration.name)
end

return serving
