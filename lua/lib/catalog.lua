--- All agents of a project, and the graph of their edges. A definition that cannot be used is
--- reported with file, line and column; the rest still works.
---
--- Of a definition the front matter is read at once. The rest is read when somebody first asks for
--- it, from the text as it was loaded: of a catalog of hundreds a run needs an agent or two.
local json      = require "lib.json"
local allowance = require "lib.allowance"
local output    = require "lib.output"
local project   = require "lib.project"
local relations = require "lib.relations"
local rights    = require "lib.rights"
local text      = require "lib.text"

local catalog = {}

local KNOWN <const> = {
  "name", "description", "tools", "model", "complexity", "limits", "output", "check",
}

local MOST_COMPARED <const> = 400 -- names with which a wrong one is compared

--- Keys of other hosts that leave an agent less, without "-", "_" and capitals: an author who wrote
--- one must not find the agent with more.
local NARROW <const> = { allowedtools = "tools", disallowedtools = "without" }

---@class agent.Agent
---@field name        string
---@field description string
---@field file        string
---@field layer       string
---@field source      string the text of its file
---@field body_at     integer where in `source` the body begins
---@field body        string read late, as are blocks, edges, sections and targets
---@field model       string?
---@field complexity  string?
---@field limits      Limits? of its own part
---@field output      any     what its final reply must be, as written
---@field form        Schema? the same, to check by
---@field written     any     its `tools` field as written
---@field without     any     its `disallowedTools` field as written
---@field narrow      rights.Narrow? what else takes tools away
---@field tools       string[] names it has; filled by `catalog.equip`
---@field missing     string[] names that no tool here bears
---@field blocks      table[] the outline of its body
---@field body_line   integer where the body begins in the file
---@field edges       table[]
---@field sections    table[] lists of relations, as relations.read answers them
---@field check       any     its `check` field as written
---@field targets     string[] who `handoff` may name
---@field hooks_file  string?
---@field hooks       table<string, boolean>?
---@field blocked     Error? why it must not work: its hooks are not loaded

---@class catalog.Diagnostic
---@field rule    string
---@field level   string
---@field file    string
---@field line    integer
---@field column  integer
---@field message string
---@field stays?  string of a text that is of no use: the agent from before is in force

---@class catalog.Catalog
---@field agents      agent.Agent[] by name
---@field by_name     table<string, agent.Agent>
---@field diagnostics catalog.Diagnostic[]
---@field find        fun(part: string): agent.Agent?, Error?
---@field outline     fun(source: string): table?, Error?, table? cli.definition of the other half

local function scalar(value)
  if type(value) == "string" then return value end
  if type(value) == "table" and json.is_array(value) and type(value[1]) == "string" then
    return value[1]
  end
  return nil
end

local function note(list, rule, level, file, line, column, message)
  list[#list + 1] = { rule = rule, level = level, file = file, line = line or 1,
    column = column or 1, message = message }
end

--- Where a front matter key stands.
local function place(parsed, key)
  for _, one in ipairs(parsed.keys) do
    if one.key == key then return one.line, one.column end
  end
  return 1, 1
end

--- The fields by our names. A key in other letters ("Tools:") counts as the one it means: an author
--- who wrote down fewer tools must not be given all of them.
local function fields_of(parsed, path, diagnostics)
  local front = parsed.front
  for _, one in ipairs(parsed.keys) do
    local meant = one.key:lower()
    if meant ~= one.key and text.one_of(KNOWN, meant) and front[meant] == nil then
      front[meant] = front[one.key]
      note(diagnostics, "key", "warning", path, one.line, one.column,
        ("%q is read as %q"):format(one.key, meant))
    end
  end
  return front
end

--- What the definition says of its tools: those that it has, and those that it is refused. Said in
--- two ways, neither is guessed.
local function tools_of(parsed, front, path, diagnostics)
  local said, clear = { tools = front.tools }, true
  for _, one in ipairs(parsed.keys) do
    local meant = NARROW[one.key:lower():gsub("[_-]", "")]
    if meant and said[meant] ~= nil then
      clear = false
      note(diagnostics, "tools", "error", path, one.line, one.column,
        ("%q says once more which tools it has; until this is mended it has none"):format(one.key))
    elseif meant then
      said[meant] = front[one.key]
      if meant == "tools" then
        note(diagnostics, "key", "warning", path, one.line, one.column,
          ("%q is read as %q"):format(one.key, meant))
      end
    end
  end
  return said.tools, said.without, not clear
end

--- The definition's own limits. One that cannot be read must not leave the agent less bound than
--- its author wanted: it gets no tools then.
local function limits_of(parsed, front, path, diagnostics)
  if front.limits == nil then return nil, false end
  local read, err = allowance.read(front.limits, allowance.OF_AGENT)
  if read then return read, false end
  local line, column = place(parsed, "limits")
  note(diagnostics, "limits", "error", path, line, column,
    err.message .. "; until this is mended it has no tools")
  return nil, true
end

--- What the final reply must be. Prose is kept and not enforced; a map that cannot be read must not
--- look as if it were.
local function form_of(parsed, front, name, path, diagnostics)
  if front.output == nil then return nil end
  local line, column = place(parsed, "output")
  if type(front.output) == "string" then
    note(diagnostics, "output", "warning", path, line, column,
      "output is prose; only a map of fields is enforced")
    return nil
  end
  local form, why = output.read(front.output)
  if form then return form end
  note(diagnostics, "output", "error", path, line, column, why .. "; until this is mended it does "
    .. "not work")
  return nil, { code = "invalid", message = ("%s:%d:%d: output of %s: %s")
    :format(path, line, column, name, why) }
end

--- One agent of one file, or nil with a diagnostic.
local function read(cli, path, source, layer, diagnostics)
  local parsed, err, fault = cli.definition(source, "front")
  if not parsed then
    note(diagnostics, "definition", "error", path, fault.line, fault.column, err.message)
    return nil
  end
  for _, one in ipairs(parsed.notes) do
    note(diagnostics, one.rule, one.level, path, one.line, one.column, one.message)
  end
  local front = fields_of(parsed, path, diagnostics)
  local name = scalar(front.name)
  if not name or name == "" then
    name = path:match("([^/]+)%.md$") or path
    note(diagnostics, "missing-field", "warning", path, 1, 1,
      ("no name; the file's own is taken: %s"):format(name))
  end
  if not scalar(front.description) then
    note(diagnostics, "missing-field", "warning", path, 1, 1,
      "no description; routing has nothing to go by: write what the agent is for")
  end
  local extra = {}
  for _, one in ipairs(parsed.keys) do
    local narrows = NARROW[one.key:lower():gsub("[_-]", "")]
    if not narrows and not text.one_of(KNOWN, one.key:lower()) then extra[#extra + 1] = one.key end
  end
  local bounds, unread = limits_of(parsed, front, path, diagnostics)
  local narrow, odd = rights.read(front)
  if odd then
    local line, column = place(parsed, odd)
    note(diagnostics, "tools", "error", path, line, column,
      ("%s cannot be read; until this is mended it has no tools"):format(odd))
  end
  local written, without, unclear = tools_of(parsed, front, path, diagnostics)
  local form, unusable = form_of(parsed, front, name, path, diagnostics)
  return {
    name = name, description = scalar(front.description) or "", file = path, layer = layer.name,
    source = source, body_at = parsed.body_at, body_line = parsed.body_line,
    model = scalar(front.model), complexity = scalar(front.complexity),
    written = written, without = without, limits = bounds, output = front.output, form = form,
    blocked = unusable, extra = extra,
    narrow = narrow, narrowed = parsed.narrowed or unread or unclear or odd ~= nil,
    tools = {}, missing = {}, tools_line = { place(parsed, "tools") },
    check = front.check, check_line = { place(parsed, "check") },
    name_line = { place(parsed, "name") },
  }
end

--- Another layer may put its own agent over one of the same name; two in one layer are a mistake.
local function add(found, who)
  local nearer = found.by_name[who.name]
  if nearer then
    local same = nearer.layer == who.layer
    note(found.diagnostics, "duplicate-name", same and "error" or "warning", who.file,
      who.name_line[1], who.name_line[2],
      ("%s is defined in %s too; that one is %s and is taken%s"):format(who.name, nearer.file,
        same and "first" or "nearer", same and "; give one of them another name" or ""))
    found.diagnostics[#found.diagnostics].taken = nearer.file
    return
  end
  found.by_name[who.name] = who
  found.agents[#found.agents + 1] = who
end

--- The hooks beside a definition: what insists must not be missing in silence.
local function find_hooks(cli, layer, gate, path, who)
  local hooks = path:gsub("%.md$", ".lua")
  if layer.name == "named" then return end
  if layer.name ~= "project" then
    who.hooks_file = cli.stat(hooks) and hooks or nil
  elseif gate.loaded[hooks] then
    who.hooks_file = hooks
  elseif gate.refused[hooks] then
    who.blocked = { code = "denied", message = ("%s must not work without its hooks: %s: %s")
      :format(who.name, hooks, gate.refused[hooks]) }
  end
end

--- Why a file of the user's own layer is not obeyed: others could have written it.
local function guarded(cli, layer, path)
  if layer.name ~= "user" then return true end
  return cli.guard(path)
end

--- The agent of a file as it stands, or nil with what is wrong noted. `last` is what the same text
--- was read as before.
local function agent_of(cli, found, layer, path, file, how, last)
  local ok, why = guarded(cli, layer, path)
  if not ok then
    note(found.diagnostics, "guard", "error", path, 1, 1, why.message)
  elseif file.kind == "refused" then
    note(found.diagnostics, "file", "error", path, 1, 1, file.problem or "it cannot be read")
  elseif file.kind == "definition" and how.takes(layer, path, file) then
    if not last then return read(cli, path, file.text, layer, found.diagnostics) end
    table.move(last.notes, 1, #last.notes, #found.diagnostics + 1, found.diagnostics)
    return last.who
  end
end

--- A definition as a process that stays keeps it from one run to the next.
---@class catalog.Kept
---@field hash  string of its text
---@field who   agent.Agent as it was read: without tools, hooks and what is read late
---@field notes catalog.Diagnostic[] what was said of it; no error

local function copy(who)
  local new = {}
  for key, value in pairs(who) do new[key] = value end
  return new
end

--- What was said since, and the first error among it.
local function said_since(diagnostics, from)
  local notes, bad = table.move(diagnostics, from, #diagnostics, 1, {}), nil
  for _, one in ipairs(notes) do bad = bad or one.level == "error" and one or nil end
  return notes, bad
end

--- As agent_of; an agent whose file is of no use any more stays as it was.
local function agent_or_last(cli, found, layer, path, file, how)
  local diagnostics = found.diagnostics
  local last, from = how.kept.files[path], #diagnostics + 1
  local same = last and file.hash == last.hash and last or nil
  local who = agent_of(cli, found, layer, path, file, how, same)
  local notes, bad = said_since(diagnostics, from)
  if who and not bad then
    how.now[path] = { hash = file.hash, who = who, notes = notes }
    return copy(who)
  end
  how.now[path] = last
  if not last then return who end
  for i = #diagnostics, from, -1 do diagnostics[i] = nil end -- nobody obeys this text: one will do
  local one = bad
  if not one then
    note(diagnostics, "file", "error", path, 1, 1, file.kind == "definition" and "it is not taken"
      or "it has no front matter any more")
    one = diagnostics[from]
  end
  diagnostics[from] = one
  one.message = one.message .. "; the version from before stays in force"
  one.stays = file.hash or one.message
  return copy(last.who)
end

local function read_folder(cli, found, layer, how)
  for _, file in ipairs(project.definitions(cli, layer.agents, how.seen)) do
    local path = layer.agents .. "/" .. file.path
    local who = (how.kept and agent_or_last or agent_of)(cli, found, layer, path, file, how)
    if who then
      find_hooks(cli, layer, how.gate, path, who)
      add(found, who)
    end
  end
end

--- Of very many names, those with which it is worth comparing letter by letter: they hold one of
--- the words.
local function worth_comparing(part, names)
  if #names <= MOST_COMPARED then return names end
  local few = {}
  for word in part:gmatch("[^-]+") do
    for i = 1, #word > 2 and #names or 0 do
      if names[i]:find(word, 1, true) then few[#few + 1] = names[i] end
      if #few >= MOST_COMPARED then return few end
    end
  end
  return few
end

--- The one agent that `part` names: its whole name, else any part that only one has.
local function finder(found)
  return function(part)
    if found.by_name[part] then return found.by_name[part] end
    local hits = {}
    for _, who in ipairs(found.agents) do
      if who.name:find(part, 1, true) then hits[#hits + 1] = who end
    end
    if #hits == 1 then return hits[1] end
    local names = {}
    for i, who in ipairs(#hits > 0 and hits or found.agents) do names[i] = who.name end
    if #hits > 1 then
      return nil, { code = "invalid", message = ("%q names %d agents: %s"):format(part, #hits,
        table.concat(names, ", ", 1, math.min(#names, 6)) .. (#names > 6 and ", ..." or "")) }
    end
    local near = text.nearest_parts(part, worth_comparing(part, names), 3)
    return nil, { code = "not_found",
      message = ("no agent is called %q%s; perigee agents list shows them"):format(part,
        #near > 0 and "; the nearest are " .. table.concat(near, ", ") or "") }
  end
end

local ALL <const> = { takes = function() return true end }

--- Reads the definitions of all layers, nearest first, and resolves their relations.
---@param cli    table
---@param layers project.Layer[]
---@param how?   { gate: trust.Gate, takes: fun(layer, path: string, file: table): boolean,
---  kept: { files: table<string, catalog.Kept> }?, seen: project.Seen? } takes: whether a file is
---  read at all; both are needed where a layer may have hooks. kept: what this process read before;
---  changed to what it reads now. seen: folders that were read already
---@return catalog.Catalog
function catalog.load(cli, layers, how)
  local found = { agents = {}, by_name = {}, diagnostics = {},
    outline = function(source) return cli.definition(source, "outline") end }
  how = how or ALL
  if how.kept then how.now = {} end
  for _, layer in ipairs(layers) do read_folder(cli, found, layer, how) end
  if how.kept then how.kept.files = how.now end
  return catalog.finish(found)
end

local function take_out(found, who)
  if not who then return end
  if found.by_name[who.name] == who then found.by_name[who.name] = nil end
  for i, other in ipairs(found.agents) do
    if other == who then return table.remove(found.agents, i) end
  end
end

--- An agent from a file that the command line names, put before the others.
---@return agent.Agent? who, Error? err
function catalog.add_file(cli, found, path)
  local source, err = cli.read_file(path, 1024 * 1024)
  if not source then return nil, err end
  local info = cli.stat(path)
  local diagnostics = {}
  local who = read(cli, info and info.real or path, source, { name = "named" }, diagnostics)
  if not who then
    local first = diagnostics[1]
    return nil, { code = "invalid",
      message = ("%s:%d:%d: %s"):format(path, first.line, first.column, first.message) }
  end
  table.move(diagnostics, 1, #diagnostics, #found.diagnostics + 1, found.diagnostics)
  take_out(found, found.by_name[who.name])
  found.by_name[who.name] = who
  found.agents[#found.agents + 1] = who
  catalog.finish(found)
  return who
end

--- An agent as a run recorded it, in place of what its file says today, or beside the others where
--- the file is gone. `catalog.finish` is the caller's, after the last one.
---@param found  catalog.Catalog
---@param path   string the file, as the record names it
---@param source string its text then
---@param hooks? string the file of its hooks then
---@return agent.Agent? who, Error? err
---@return boolean? changed whether its text is another today, or gone
function catalog.use_text(cli, found, path, source, hooks)
  local today, kept, diagnostics = nil, {}, {}
  for _, who in ipairs(found.agents) do
    if who.file == path then today = who end
  end
  local who = read(cli, path, source, { name = today and today.layer or "named" }, diagnostics)
  if not who then
    return nil, { code = "invalid", message = ("%s, as the run had it: %d:%d: %s; --with-current "
      .. "goes on with the file as it is now"):format(path, diagnostics[1].line,
      diagnostics[1].column, diagnostics[1].message) }
  end
  who.hooks_file = hooks
  for _, one in ipairs(found.diagnostics) do
    if one.file ~= path then kept[#kept + 1] = one end
  end
  found.diagnostics = table.move(diagnostics, 1, #diagnostics, #kept + 1, kept)
  take_out(found, today)
  take_out(found, found.by_name[who.name])
  found.by_name[who.name] = who
  found.agents[#found.agents + 1] = who
  return who, nil, not today or today.source ~= source
end

local function read_outline(found, who)
  local parsed, err, fault = found.outline(who.source)
  if not parsed then
    who.blocks = {}
    note(found.diagnostics, "outline", "error", who.file, fault.line, fault.column, err.message)
    return
  end
  who.blocks = parsed.blocks
  for _, one in ipairs(parsed.notes) do
    note(found.diagnostics, one.rule, one.level, who.file, one.line, one.column, one.message)
  end
end

--- Edges to names, and who may hand to whom: by those that the catalog has.
local function relater(found)
  local known, resolve
  return function(who)
    if not known then
      local names = {}
      known = {}
      for i, other in ipairs(found.agents) do names[i], known[other.name] = other.name, true end
      resolve = relations.resolver(names)
    end
    who.edges, who.sections = relations.read(who, known)
    relations.resolve(who.edges, resolve)
    who.targets = relations.targets(who.edges, who.name)
  end
end

--- Reads what an agent lacks when it is asked for.
local function late(found)
  local relate = relater(found)
  local read_late = {
    body = function(who) who.body = who.source:sub(who.body_at) end,
    blocks = function(who) read_outline(found, who) end,
    edges = relate, sections = relate, targets = relate,
  }
  return { __index = function(who, key)
    local read_part = read_late[key]
    if not read_part then return nil end
    read_part(who)
    return rawget(who, key)
  end }
end

--- Sorts, and lets edges be read by the names that there are now.
function catalog.finish(found)
  table.sort(found.agents, function(a, b) return a.name < b.name end)
  local reads = late(found)
  for _, who in ipairs(found.agents) do
    who.edges, who.sections, who.targets = nil, nil, nil
    setmetatable(who, reads)
  end
  found.find = finder(found)
  return found
end

--- Reads what the outlines of these agents say against themselves, into `found.diagnostics`.
---@param agents agent.Agent[]
function catalog.outline(agents)
  for _, who in ipairs(agents) do local _ = who.blocks end
end

return catalog
