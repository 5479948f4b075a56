--- All that is to be said about a catalog: what reading it found, and what its relations and tools
--- leave open, as diagnostics { rule, level, file, line, column, message } by file and line.
local catalog         = require "lib.catalog"
local check_graph     = require "lib.check_graph"
local check_relations = require "lib.check_relations"
local check_rules     = require "lib.check_rules"
local text            = require "lib.text"

local check = {}

--- Where `part` stands in a line of the agent's body, in characters; 1 when it does not.
local function column_of(who, lines, line, part)
  if not lines[who] then lines[who] = text.lines(who.body or "") end
  local written = lines[who][line - (who.body_line or 1) + 1] or ""
  local at = part ~= "" and written:find(part, 1, true)
  return at and (utf8.len(written, 1, at) or at) or 1
end

local function check_tools(found, all)
  for _, who in ipairs(found.agents) do
    for _, name in ipairs(who.missing) do
      all[#all + 1] = {
        rule = "missing-tool", level = "warning",
        file = who.file, line = who.tools_line[1], column = who.tools_line[2],
        message = ("no tool here is called %q; the agent runs without it: see perigee tools list")
          :format(name),
      }
    end
  end
end

--- What each definition says about levels.
local function levels_of(found, all)
  local by_file = {}
  for _, who in ipairs(found.agents) do
    if who.check ~= nil then
      local levels, mistakes = check_rules.read(who.check)
      by_file[who.file] = levels
      for _, mistake in ipairs(mistakes) do
        all[#all + 1] = {
          rule = "check", level = "warning", file = who.file, line = who.check_line[1],
          column = who.check_line[2], message = mistake,
        }
      end
    end
  end
  return by_file
end

local function sort(all)
  local place = {}
  for i, one in ipairs(all) do place[one] = i end
  table.sort(all, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return place[a] < place[b]
  end)
end

--- Checks a catalog whose agents are equipped.
---@param found catalog.Catalog
---@param ours  table<string, string>? levels by rule, of the command line
---@return catalog.Diagnostic[] diagnostics
function check.catalog(found, ours)
  local all, lines = {}, {}
  catalog.outline(found.agents)
  for i, one in ipairs(found.diagnostics) do
    all[i] = {
      rule = one.rule, level = one.level, file = one.file, line = one.line, column = one.column,
      message = one.message,
    }
  end
  local function add(rule, who, line, at, message)
    all[#all + 1] = {
      rule = rule, level = "warning", file = who.file, line = line,
      column = column_of(who, lines, line, at), message = message,
    }
  end
  check_relations.check(found, add)
  check_graph.check(found, add)
  check_tools(found, all)
  local told = check_rules.apply(all, levels_of(found, all), ours)
  sort(told)
  return told
end

return check
