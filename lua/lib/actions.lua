--- Verbs of several actions (perigee runs list, perigee tools call). Each action has a command line
--- of its own, so that an option of another one is refused and not passed over in silence.
---
---   return actions.verb("runs", "What ran, and what each run did.", {
---     { "list", "the newest runs, or those that wait for you", LIST, list },   -- LIST: args.Spec
---     { "show", "every step of a run", SHOW, show_one },
---   })
local args = require "lib.args"
local show = require "lib.show"
local text = require "lib.text"

---@class actions.Action
---@field [1] string   its name
---@field [2] string   what the verb's help says of it, a line
---@field [3] args.Spec
---@field [4] async fun(cli: table, values: table<string, any>, ...: string): integer the exit code;
--- behind the options' values come the positionals

local actions = {}

local function usage_of(verb) return ("perigee %s ACTION [...]"):format(verb) end

local function help_of(verb, about, list)
  local lines, width = { "Usage: " .. usage_of(verb),
    table.concat(text.wrap(about, args.WIDTH), "\n"), "" }, 0
  for _, action in ipairs(list) do width = math.max(width, #action[1]) end
  for _, action in ipairs(list) do
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(action[1], action[2])
  end
  lines[#lines + 1] = ("\nperigee %s ACTION --help says more."):format(verb)
  return table.concat(lines, "\n") .. "\n"
end

local function find(list, name)
  local names = {}
  for i, action in ipairs(list) do
    if action[1] == name then return action end
    names[i] = action[1]
  end
  return nil, ("no action is called %q%s (there are %s)"):format(name, text.suggest(name, names),
    table.concat(names, ", "))
end

--- What a file of lua/cli returns.
---@param verb  string
---@param about string for its help
---@param list  actions.Action[]
---@return { usage: string, run: async fun(cli: table, words: string[]): integer }
function actions.verb(verb, about, list)
  local function refuse(cli, name, message)
    cli.err(("perigee %s: %s\n"):format(name, show.clean(message)))
    return 2
  end
  ---@async
  local function run(cli, words)
    local name = words[1]
    if name == "--help" or name == "-h" then
      cli.out(help_of(verb, about, list))
      return 0
    elseif not name then
      cli.err(help_of(verb, about, list))
      return 2
    elseif name:sub(1, 1) == "-" then
      return refuse(cli, verb, ("the action stands before %s; perigee %s --help lists them"):format(
        name, verb))
    end
    local action, why = find(list, name)
    if not action then return refuse(cli, verb, why) end
    local given, err = args.parse(action[3], table.move(words, 2, #words, 1, {}))
    if not given then return refuse(cli, ("%s %s"):format(verb, name), err.message) end
    if given.values.help then
      cli.out(args.help(action[3]))
      return 0
    end
    return action[4](cli, given.values, table.unpack(given.positionals))
  end
  return { usage = usage_of(verb), run = run }
end

return actions
