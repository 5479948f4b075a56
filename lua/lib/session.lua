--- What all runs of one command share: the agents, the tools, the options, and who watches.
--- Host VM only; there is one session a process.
local json = require "lib.json"

local session = {}

---@class Session
---@field catalog  catalog.Catalog
---@field tools    table<string, tool.Declaration> with `entry`, the file that runs it
---@field options  { model: string?, hops: "off"|"auto"|"full", exact_order: boolean? }
---  `exact_order`: models are asked in the order of their list and as often, whatever the time, so
---  that what is recorded can be played
---@field env      model.Env
---@field settings settings.Settings
---@field sandbox  "full"|"unconfined"|"none"
---@field no_sandbox Error? why there is none
---@field project? string the folder of the project, by which answers are kept
---@field home?    string the user's home folder
---@field ask?     fun(question: ask.Question): string?, Error? asks the person; nil: there is none
---@field answers? { find: function, keep: function, scope: function } see lib.answers
---@field place    table how a further workspace of these runs is opened; see cli.open_run
---@field facts    { date: string, system: string, notes: notes.Notes? } of all prompts
---@field sink     fun(event: table) gets every event, in order
---@field hooks    fun(who: agent.Agent): boolean?, Error? looks up the hooks of an agent
---@field locate   fun(path: string): string? where the layer in force has a file
---@field policies string[] the files that are asked about each call
---@field limiting string[] those of them that limit the parts of agents
---@field speaking table<string, string[]> what the reply under way has said, by run
---@field cuts     table<string, session.Cut[]> requests that were cancelled, by run
---@field said     table<string, boolean> what is told once, of a model or a server
---@field touched  table<string, session.Touched[]> files changed, by run
---@field watched  table<string, table> workspaces of which commands' changes count; lib.changes
---@field questions table<string, question.Asked[]> that nobody answered, by run
---@field sent     table<string, table> how the last conversation of an agent began; see lib.prefix
---@field part     table<string, limits.Part> the part of the agent at work, by run
---@field given    table<string, more.Given> what people said about limits, by run and limit
---@field together table<string, together.Open> what several wait for, by name
---@field allowed  table<string, integer> the time that a run was given at first, in ms, by run
---@field late     table<string, integer> how long runs had that ended since it was over, by run
---@field acted    table<string, "write"|"outside"> what runs did that may not be done twice, by run
---@field stalls   table<string, integer> how often a person was asked about one, by its place
---@field states   table<string, table<string, string>> what tools keep, as JSON, by run and tool
---@field interrupted table<string, true> tools whose last call a dead process made: "RUN TOOL"
---@field models   table<string, string[]> the models that a run asks, the first of them now, by run
---@field bench?   bench.Bench what the test under way may do besides
---@field visits   table<string, integer> conversations begun, by agent
---@field pasts?   table<string, past.Past> of runs that go on, by id
---@field parks?   boolean a run may wait for a person without a process
---@field top?     HostRun the top-level run under way
---@field differs? Error   how its script differs from its journal
---@field inbox    table<string, inbox.Answer> that came and was not asked for yet, by RUN:SEQ
---@field heard    integer number of the last message that came
---@field waiting  table<string, inbox.Open> who waits for a person, by RUN:SEQ
---@field settled  table<string, string> why questions need no word any more, by RUN:SEQ
---@field withdrawn table<string, integer[]> questions whose askers were cancelled, by run
---@field parked   table[] who waited when the run parked: { run, seq, kind, agent, text }
---@field unrecorded? Error the journal takes no records any more
---@field now      fun(): integer Unix milliseconds

---@class session.Cut a request that was cancelled, with what it came to as an estimate
---@field agent     string
---@field model     string
---@field usage     Usage
---@field cost_usd? number
---@field cost_least? boolean

local current

---@param new Session
function session.open(new) current = new end

---@return Session
function session.get() return current or error("no session is open", 2) end

--- Notes a request that was cancelled, for the last record of its run.
---@param run HostRun
---@param cut session.Cut
function session.cut(run, cut)
  local cuts = current.cuts[run.id] or {}
  current.cuts[run.id] = cuts
  cuts[#cuts + 1] = cut
end

--- Takes what was noted; and what it cost, where all prices are known.
---@param run HostRun
---@return session.Cut[]? cuts, number? usd
function session.take_cut(run)
  local cuts = current.cuts[run.id]
  if not cuts then return nil end
  current.cuts[run.id] = nil
  local usd = 0.0
  for _, cut in ipairs(cuts) do usd = usd and cut.cost_usd and usd + cut.cost_usd or nil end
  return json.array(cuts), usd
end

--- The past of a run that goes on; nil for one that began in this process, and without a session.
---@param id string
---@return past.Past?
function session.past_of(id) return current and current.pasts and current.pasts[id] end

--- The real path of a file that is named as layers do: "lua/policy.lua".
---@param file string
---@return string path
function session.where(file) return current and current.locate(file) or file end

--- Tells whoever watches. `body` is plain data; what is only watched (deltas) has no seq.
---@param run  HostRun
---@param kind string
---@param body table
---@param seq? integer
---@param known? boolean it was recorded by an earlier process
function session.emit(run, kind, body, seq, known)
  if current then
    current.sink { run = run.id, parent = run.parent, seq = seq, kind = kind, body = body,
      known = known }
  end
end

--- Keeps a tool's state until its next call in the run.
---@param run   HostRun
---@param tool  string
---@param state string JSON
---@return boolean changed
function session.keep_state(run, tool, state)
  local states = current.states[run.id] or {}
  current.states[run.id] = states
  local changed = states[tool] ~= state
  states[tool] = state
  return changed
end

---@param run  HostRun
---@param tool string
---@return string? state JSON
function session.state_of(run, tool)
  local states = current.states[run.id]
  return states and states[tool]
end

--- Notes that a run did something that may not be done twice.
---@param run_id string
---@param what?  "write"|"outside" nil: nothing
function session.act(run_id, what)
  if what and current.acted[run_id] ~= "outside" then current.acted[run_id] = what end
end

---@class session.Touched
---@field path     string
---@field added?   integer lines, in all; nil where the tool did not tell
---@field removed? integer
---@field how?     "new"|"removed"

--- Notes that a run changed a file; what one agent hands to the next names them.
---@param run  HostRun
---@param path string
---@param data any what the tool told beside its text: { added =, removed = } lines, or anything
function session.touch(run, path, data)
  local files = current.touched[run.id] or {}
  current.touched[run.id] = files
  local one
  for _, known in ipairs(files) do
    if known.path == path then one = known end
  end
  if not one then
    one = { path = path, added = 0, removed = 0 }
    files[#files + 1] = one
  end
  for _, key in ipairs { "added", "removed" } do
    local count = type(data) == "table" and math.type(data[key]) == "integer" and data[key] or nil
    one[key] = one[key] and count and one[key] + count or nil
  end
end

--- Notes for a run what its child changed.
---@param child HostRun
---@param run   HostRun
function session.pass_files(child, run)
  for _, one in ipairs(current.touched[child.id] or {}) do session.touch(run, one.path, one) end
  current.touched[child.id] = nil
end

--- The journal takes no records any more: nothing in these runs goes on, also what only waits.
local function give_up(err)
  if current.unrecorded then return end
  current.unrecorded = err
  if current.top then current.top:cancel(err.code, err.message) end
end

local function append(run, kind, body, power)
  local seq, err = run:append(kind, json.encode(body), power)
  if not seq then
    if err.code == "io" then give_up(err) end
    error(err, 0)
  end
  session.emit(run, kind, body, seq)
  return seq
end

--- Notes that whoever asked was cancelled before it had an answer: nobody waits for one any more.
--- The next record of the run comes after that of it.
---@param run_id string
---@param seq    integer of the question or approval
function session.withdraw(run_id, seq)
  local gone = current.withdrawn[run_id] or {}
  current.withdrawn[run_id] = gone
  gone[#gone + 1] = seq
end

--- Appends a step to the run's journal, waits until it is kept, then tells whoever watches. What
--- depends on the step begins after this returns. Raises when the journal cannot be written: a run
--- without its journal does not go on.
---@async
---@param run    HostRun
---@param kind   string
---@param body   table
---@param power? boolean it must survive the loss of power too
---@return integer seq
function session.record(run, kind, body, power)
  local gone = current and current.withdrawn[run.id]
  if gone then current.withdrawn[run.id] = nil end
  for _, seq in ipairs(gone or {}) do append(run, "withdrawn", { seq = seq }) end
  local loaded = kind ~= "run.started" and kind ~= "run.resumed" and run:new_sources()
  if loaded then append(run, "files", { files = loaded }) end -- what a step was made of comes first
  return append(run, kind, body, power)
end

return session
