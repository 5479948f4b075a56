--- The rules of `perigee agents check`: their names, how grave they are, and who may change that.
---
--- A level is `allow` (not told), `warn` or `deny` (an error). A definition sets levels for what is
--- said about its own file, in its front matter: `check: { dangling: allow }`. The command line
--- sets them for all, and wins. What says that a file, or its rights, could not be read keeps its
--- level: a stranger's definition must not silence it.
local text = require "lib.text"

local check_rules = {}

-- name, what it is about
check_rules.RULES = {
  { "dangling", "a name that no agent has" },
  { "cut-short", "a name whose last word is missing, or that is only an agent's ending" },
  { "one-sided", "work goes to an agent whose input section does not name the sender" },
  { "contradiction", "one list twice with other agents; one agent to hand to and to escalate to" },
  { "circle", "agents that hand work to one another in a circle" },
  { "unreachable", "agents to whom no work can come" },
  { "duplicate-name", "two files with one name" },
  { "missing-field", "no name, no description" },
  { "missing-tool", "a tool that is not here" },
}

local LEVELS <const> = { "allow", "warn", "deny" }
local NAMES = {}
for i, rule in ipairs(check_rules.RULES) do NAMES[i] = rule[1] end
check_rules.NAMES = NAMES

local LEVEL_OF <const> = { warn = "warning", deny = "error" }

--- Reads levels by rule, as a definition or the command line sets them.
---@param given any
---@return table<string, string> levels what could be read
---@return string[] mistakes one line each
function check_rules.read(given)
  local levels, mistakes = {}, {}
  if type(given) ~= "table" or given[1] ~= nil then
    return levels, { "`check` is a map of rules to allow, warn or deny" }
  end
  for _, name in ipairs(text.sorted_keys(given)) do
    local level = given[name]
    if not text.one_of(NAMES, name) then
      mistakes[#mistakes + 1] = ("no rule is called %q%s; they are %s")
        :format(name, text.suggest(name, NAMES), table.concat(NAMES, ", "))
    elseif type(level) ~= "string" or not text.one_of(LEVELS, level) then
      mistakes[#mistakes + 1] = ("%s is allow, warn or deny"):format(name)
    else
      levels[name] = level
    end
  end
  return levels, mistakes
end

--- Gives each diagnostic its level in force and leaves out what is allowed.
---@param diagnostics catalog.Diagnostic[]
---@param by_file     table<string, table<string, string>> what each file sets
---@param ours        table<string, string>? of the command line
---@return catalog.Diagnostic[] those that are told
function check_rules.apply(diagnostics, by_file, ours)
  local told = {}
  for _, one in ipairs(diagnostics) do
    local level = ours and ours[one.rule] or by_file[one.file] and by_file[one.file][one.rule]
    if level ~= "allow" then
      one.level = LEVEL_OF[level] or one.level
      told[#told + 1] = one
    end
  end
  return told
end

return check_rules
