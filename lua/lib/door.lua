--- The one door for calls: a model's, a chain's, a hook's. Schema, policy, grant, budget, journal,
--- tool, journal: at every depth, in this order, with no way around.
local changes = require "lib.changes"
local consent = require "lib.consent"
local errors  = require "lib.errors"
local grants  = require "lib.grants"
local json    = require "lib.json"
local limits  = require "lib.limits"
local network = require "lib.network"
local past    = require "lib.past"
local rules   = require "lib.policy_rules"
local ruling  = require "lib.ruling"
local schema  = require "lib.schema"
local serving = require "lib.serving"
local session = require "lib.session"
local stall   = require "lib.stall"
local text    = require "lib.text"
local tool    = require "lib.tool"

local door = {}

local RESULT_MOST <const> = 100000 -- bytes of a result that a model is shown
local QUOTE_MOST  <const> = 300
-- Bytes of arguments; read, they take many times as much.
local INPUT_MOST  <const> = 4 * 1024 * 1024
local STATE_MOST  <const> = 64 * 1024 -- bytes of a tool's state, as JSON
local TRIES_MOST <const> = 3 -- of a call that takes too long
local UNKNOWN <const> = "The outcome of this call is unknown: the host was stopped while it "
  .. "ran. What it had started is dead; what it was to do may have happened, in part or in whole. "
  .. "Look before you do it again."
local IMAGES <const> = schema.list { max = 20, of = schema.object {
  { "media_type", schema.text { min = 1 }, "Such as image/png." },
  { "data", schema.text { min = 1 }, "Base64." },
} }

---@class Call what a model or a script asks for
---@field id     string
---@field name   string
---@field input  string the arguments as JSON text, as they came
---@field at?    string where it stands in a chain
---@field of?    string hash of what it was given there
---@field line?  string where the chain asks for it

---@class CallResult
---@field id     string
---@field name   string
---@field text   string
---@field error  boolean
---@field data   any
---@field images { media_type: string, data: string }[]?
---@field seen   table<string, string>? files that it saw: path and hash
---@field wrote  integer? bytes that were written for it
---@field jobs   table[]? background jobs that it began, or of whose end it told; see run:new_jobs
---@field state  table? what the tool keeps for its next call in this run, where it changed

local function failed(call, message, code)
  return { id = call.id, name = call.name, text = message, error = true, code = code or "invalid" }
end

--- The arguments as a table, or what a model can do about them.
local function read_input(call)
  local source = call.input == "" and "{}" or call.input
  if #source > INPUT_MOST then
    return nil, ("The arguments of %s are %d bytes long; at most %d are read. "
      .. "Write a large file in parts."):format(call.name, #source, INPUT_MOST)
  end
  local input, err = json.decode(source)
  if type(input) == "table" and not json.is_array(input) then return input end
  local why = err and err.message or "they are no JSON object"
  return nil, ("The arguments of %s cannot be used: %s. They were: %s"):format(
    call.name, why, text.cut_middle(source, QUOTE_MOST))
end

local function say_problems(name, problems)
  local lines = { ("The arguments of %s do not fit its schema:"):format(name) }
  for _, problem in ipairs(problems) do lines[#lines + 1] = "- " .. problem.message end
  return table.concat(lines, "\n")
end

--- What one policy says. Whatever is no verdict denies: a policy that fails must not open a door.
---@async
---@param run   HostRun|{ decide: function } who asks the decision VM
---@param file  string "lua/policy.lua" or "project:lua/policy.lua"
---@return policy.Verdict verdict
function door.verdict(run, file, asked, facts)
  local said, err = ruling.ask(run, file, "decide", asked, facts)
  if said then return said end
  return { verdict = "deny",
    why = "policy.lua failed: " .. (err and err.message or "it answered nothing") }
end

--- What policy and hooks are told of a call.
---@param who         agent.Agent
---@param declaration tool.Declaration
---@param input       table checked
---@param workspace?  string
---@return policy.Call asked, policy.Facts facts
function door.asked(who, declaration, input, workspace)
  local s = session.get()
  local names = rules.names(declaration, input, workspace)
  local lacks = {}
  for kind, list in pairs(declaration.lacks or {}) do lacks[kind] = list end
  if lacks.net then -- a tool that may talk to many is asked about whom it talks to now
    lacks.net = nil
    for _, host in ipairs(names.hosts) do
      if not grants.within(declaration.granted.net, host) then
        lacks.net = lacks.net or {}
        table.insert(lacks.net, host)
      end
    end
  end
  return { tool = declaration.name, input = input, effect = declaration.effect,
    needs = declaration.needs, lacks = lacks, reach = declaration.reach, agent = who.name,
    scopes = who.scopes and who.scopes[declaration.name],
    command = names.command, paths = names.paths, hosts = names.hosts },
    { sandbox = s.sandbox, workspace = workspace, rules = s.settings.policy.rules }
end

--- What an answer about this call is about. One that was given for a command in the sandbox does
--- not hold without it.
---@return answers.Key
function door.key(asked, workspace)
  local s = session.get()
  return { project = s.project or workspace or "", tool = asked.tool, effect = asked.effect,
    command = asked.command, paths = asked.paths, hosts = asked.hosts,
    unconfined = s.sandbox == "unconfined" and asked.needs.exec ~= nil or nil }
end

local STRICTNESS <const> = { allow = 1, ask = 2, deny = 3 }

--- The stricter of two verdicts; the first where they are alike.
---@param held? policy.Verdict
---@param said  policy.Verdict
---@return policy.Verdict
function door.stricter(held, said)
  return held and STRICTNESS[said.verdict] <= STRICTNESS[held.verdict] and held or said
end

--- A decision about a call: the recorded one, which is never taken again, or a new one.
---@param decide async fun(): table
---@return table decision
local function decided(run, what, call, decide)
  local known = past.take(run, "decision", what .. " " .. call.id)
  if known then return known end
  local body = decide()
  body.what, body.call, body.tool = what, call.id, call.name
  session.record(run, "decision", body)
  return body
end

--- What a policy said of a call. A recorded answer is not taken again; where the policy forbids
--- more now than it did then, or asks for another reason, that is another answer, and holds.
local function answer_of(run, file, call, asked, facts)
  local known = past.take(run, "decision", "policy " .. call.id)
  local said = door.verdict(run, file, asked, facts)
  local asks_else = known and known.verdict == "ask" and said.verdict == "ask"
    and known.why ~= said.why
  if known and not asks_else and door.stricter(known, said) == known then return known end
  local body = { what = "policy", call = call.id, tool = call.name, verdict = said.verdict,
    why = said.why, from = said.from, file = file ~= session.get().policies[1] and file or nil }
  session.record(run, "decision", body)
  return body
end

--- Asks every policy in force, the user's and a trusted project's; each answer is recorded, the
--- strictest holds.
---@return policy.Verdict verdict
local function strictest(run, call, asked, facts)
  local held
  for _, file in ipairs(session.get().policies) do
    held = door.stricter(held, answer_of(run, file, call, asked, facts))
  end
  return held
end

--- What policy and hooks are told where a model's provider would do what a tool does: no single
--- call can be asked about, so it is the tool as such. Whatever its own effect is, this is one
--- outside.
---@param who         agent.Agent
---@param declaration tool.Declaration
---@param workspace?  string
---@return policy.Call asked, policy.Facts facts
function door.asked_served(who, declaration, workspace)
  local asked, facts = door.asked(who, declaration, {}, workspace)
  asked.served, asked.effect, asked.needs, asked.lacks = true, "outside", {}, {}
  asked.reach, asked.hosts = serving.reach(declaration.name)
  return asked, facts
end

--- Whether a model's provider may do what a tool does, out of reach of this door: policy and the
--- agent's hook have to allow it.
---@async
---@param run         HostRun
---@param who         agent.Agent
---@param declaration tool.Declaration
---@return boolean allowed, string? why not
function door.serves(run, who, declaration)
  local asked, facts = door.asked_served(who, declaration, run.workspace)
  local call = { id = "served " .. declaration.name, name = declaration.name }
  local said = strictest(run, call, asked, facts)
  if said.verdict == "ask" then
    return false, ("a rule asks (%s), and nobody can be asked about each use"):format(said.why)
  end
  if said.verdict ~= "allow" then return false, said.why end
  if not (who.hooks and who.hooks.allow_tool) then return true end
  said = decided(run, "allow_tool", call, function()
    local allowed, why = ruling.consents(run, who.hooks_file, "allow_tool", asked)
    return { verdict = allowed and "allow" or "deny", why = why }
  end)
  return said.verdict == "allow", said.why or "refused by the agent's allow_tool hook"
end

--- Asks policy, the person where policy asks, and the agent's own hook. All are recorded; the first
--- refusal holds.
---@return string? why nil when the call may be made
local function refused(run, who, declaration, call, asked, facts)
  local verdict = strictest(run, call, asked, facts)
  if verdict.verdict == "deny" then return verdict.why or "refused by policy" end
  local inside = grants.inside(declaration, asked.hosts)
  if inside then return inside end
  if grants.must_be_written(declaration.lacks) then
    return ("%s needs what was not granted: %s. The user can grant it in config.yaml:\n%s")
      :format(declaration.name, grants.words(declaration.lacks),
        grants.lines(declaration, session.get().home))
  end
  if verdict.verdict == "ask" then
    verdict = { verdict = "ask", why = verdict.why or "policy asks", from = verdict.from }
    local allowed, why = consent.ask(run, { call = call, asked = asked, verdict = verdict,
      key = door.key(asked, run.workspace), begun = not declaration.repeatable
        and past.peek(run, "call", call.at or call.id) ~= nil })
    if not allowed then return why end
  end
  if who.hooks and who.hooks.allow_tool then
    local said = decided(run, "allow_tool", call, function()
      local allowed, why = ruling.consents(run, who.hooks_file, "allow_tool", asked)
      return { verdict = allowed and "allow" or "deny", why = why }
    end)
    if said.verdict ~= "allow" then return said.why or "refused by the agent's allow_tool hook" end
  end
end

local ANSWER <const> = { "text", "data", "images", "state" }

--- What is wrong with a tool's answer; nil when nothing is.
local function misshapen(answer)
  if type(answer) ~= "table" or type(answer.text) ~= "string" then
    return ("answered a %s; it should be text or { text = ... }"):format(type(answer))
  end
  for _, key in ipairs(text.sorted_keys(answer)) do
    if not text.one_of(ANSWER, key) then
      return ("answered an unknown key %q%s"):format(key, text.suggest(key, ANSWER))
    end
  end
  if answer.state ~= nil and type(answer.state) ~= "table" then
    return ("answered a state that is a %s; it should be a table"):format(type(answer.state))
  end
  local _, problems = schema.check(IMAGES, answer.images or {}, "images")
  if problems then return "answered " .. problems[1].message end
end

--- What a tool answered, in one shape.
local function shape(call, answer, err)
  if answer == nil then
    err = err ~= nil and errors.of(err)
      or { code = "invalid", message = "the tool answered nothing" }
    return failed(call, err.message, err.code)
  end
  if type(answer) == "string" then answer = { text = answer } end
  local why = misshapen(answer)
  if why then return failed(call, ("tool %s %s"):format(call.name, why), "script") end
  return { id = call.id, name = call.name,
    text = text.cut_middle(text.valid(answer.text), RESULT_MOST),
    error = false, data = answer.data, images = answer.images, state = answer.state }
end

--- Keeps what the tool wants to know at its next call in this run. It stands in the record only
--- where it changed; of calls side by side the one that ends last leaves its own.
local function keep_state(run, call, result)
  if result.state == nil then return result end
  local ok, encoded = pcall(json.encode, result.state)
  if not ok then
    return failed(call, ("tool %s answered a state that cannot be kept: %s"):format(call.name,
      tostring(encoded)), "script")
  elseif #encoded > STATE_MOST then
    return failed(call, ("tool %s answered a state of %d bytes; at most %d are kept"):format(
      call.name, #encoded, STATE_MOST), "script")
  end
  if not session.keep_state(run, call.name, encoded) then result.state = nil end
  return result
end

--- Commands and what reaches outside must be on disk before they begin (DESIGN 11).
local function needs_power(declaration)
  return declaration.needs.exec ~= nil or declaration.effect == "outside"
end

--- Notes what a call did that may not be done twice. A command that may reach out may have.
local function note_act(run, declaration, effect)
  if effect == "read" or declaration and declaration.repeatable then return end
  local s = session.get()
  local out = effect == "outside" or declaration == nil or declaration.needs.exec ~= nil
    and (s.sandbox == "unconfined" or s.settings.sandbox.network ~= "none")
  session.act(run.id, out and "outside" or "write")
end

local function unknown(who, call)
  local hint = text.suggest(call.name, who.tools)
  return failed(call, ("There is no tool %q here%s. The tools are: %s."):format(call.name, hint,
    #who.tools > 0 and table.concat(who.tools, ", ") or "none"), "not_found")
end

--- The tool's last call was made by a process that is dead; its next one is told.
local function note_interrupted(run, name)
  session.get().interrupted[run.id .. " " .. name] = true
end

local function take_interrupted(run, name)
  local all, key = session.get().interrupted, run.id .. " " .. name
  local was = all[key]
  all[key] = nil
  return was
end

---@class door.Prepared
---@field call         Call
---@field declaration? tool.Declaration
---@field input?       table
---@field hosts?       string[] that the call may talk to
---@field result?      CallResult that needs no tool: a refusal, or what is recorded already
---@field known?       boolean the result is recorded already
---@field power?       boolean

--- Everything before a tool's own code runs: is there such a tool, do the arguments fit, is it
--- allowed, can it be afforded. Recorded as `call`.
---@return door.Prepared prepared
local function prepare(run, who, call)
  local s = session.get()
  local declaration = text.one_of(who.tools, call.name) and s.tools[call.name]
  if not declaration then
    past.once(run, "call", { id = call.id, tool = call.name, input = call.input, refused = true,
      at = call.at, of = call.of, line = call.line })
    return { call = call, result = unknown(who, call) }
  end
  local input, why = read_input(call)
  local code = "invalid"
  if input then
    local checked, problems = schema.check(declaration.input, input)
    if checked then input = checked else why = say_problems(call.name, problems) end
  end
  local asked, facts
  if not why then
    asked, facts = door.asked(who, declaration, input, run.workspace)
    why = refused(run, who, declaration, call, asked, facts)
    code = "denied"
  end
  if not why then
    local begun = past.peek(run, "call", call.at or call.id) ~= nil
    local affordable, over = limits.spend(run, "calls", 1, begun)
    if affordable and (declaration.effect == "write" or declaration.needs.exec) then
      affordable, over = limits.room(run, "written", 1, begun)
    end
    if not affordable then why, code = over.message, "limit" end
  end
  local power = not why and needs_power(declaration)
  local _, _, before = past.once(run, "call", { id = call.id, tool = call.name,
    input = why and call.input or input, effect = declaration.effect,
    refused = why and true or nil, at = call.at, of = call.of, line = call.line }, power)
  if before and not why then note_interrupted(run, call.name) end
  if not why then note_act(run, declaration, declaration.effect) end
  if before and not why and not declaration.repeatable then why, code = UNKNOWN, "unknown" end
  return { call = call, declaration = declaration, input = input, power = power,
    hosts = asked and asked.hosts, result = why and failed(call, why, code) }
end

local function note_touched(run, effect, input, result)
  local wrote = effect == "write" and not result.error
  if wrote and type(input) == "table" and type(input.path) == "string" then
    session.touch(run, input.path, result.data)
  end
end

--- What a recorded call changed.
---@param run    HostRun for whom it counts
---@param call?  table body of the call's record
---@param result CallResult
function door.touched(run, call, result)
  if call and not call.refused then note_touched(run, call.effect, call.input, result) end
end

--- A recorded result, as if its call had just ended: what it cost, changed and left behind counts.
---@param run    HostRun
---@param result CallResult
---@return CallResult result
function door.recall(run, result)
  local key, _, seq = result.at or result.id, past.peek(run, "result", result.at or result.id)
  local call = past.take(run, "call", key)
  for _, what in ipairs { "policy", "ask", "allow_tool" } do
    past.pass(run, "decision", what .. " " .. result.id, seq or math.maxinteger)
  end
  past.pass(run, "approval", result.id, seq or math.maxinteger)
  past.take(run, "result", key)
  if call and not call.refused then
    run:charge("calls", 1)
    note_act(run, session.get().tools[call.tool], call.effect)
    if result.wrote then run:charge("written", result.wrote) end
  end
  door.touched(run, call, result)
  for path, hash in pairs(result.seen or {}) do run:saw(path, hash) end
  for _, job in ipairs(result.jobs or {}) do run:had_job(job) end
  if result.state then session.keep_state(run, result.name, json.encode(result.state)) end
  if call and not call.refused then note_interrupted(run, result.name) end
  return result
end

--- What is known of a call from an earlier process, else all that comes before its tool runs.
local function begin(run, who, call)
  local known = past.peek(run, "result", call.at or call.id)
  if known then return { call = call, result = door.recall(run, known), known = true } end
  return prepare(run, who, call)
end

local function any_inside(paths)
  for _, path in ipairs(paths or {}) do
    if tool.path_inside(path) then return true end
  end
  return false
end

--- The hosts that a call may talk to: those that the user granted its tool, and those that it named
--- itself and was allowed to, as far as the tool's file says that it needs them.
local function net_of(declaration, named)
  local net = table.move(declaration.granted.net, 1, #declaration.granted.net, 1, {})
  for _, host in ipairs(named or {}) do
    local needed = host ~= rules.ODD and grants.within(declaration.needs.net, host)
    if needed and not text.one_of(net, host) then
      net[#net + 1] = host
    end
  end
  return net
end

--- The tool's own code, in the run's VM.
local function use(run, prepared)
  if prepared.result then return prepared.result end
  local declaration, needs = prepared.declaration, prepared.declaration.needs
  if needs.exec and declaration.effect ~= "read" then changes.before(run) end
  local means = { name = declaration.name, entry = declaration.entry,
    timeout_ms = declaration.timeout_ms, call = prepared.call.id,
    state = session.state_of(run, declaration.name),
    interrupted = take_interrupted(run, declaration.name),
    settings = declaration.settings and json.encode(declaration.settings),
    grant = { exec = needs.exec, read = any_inside(needs.read), write = any_inside(needs.write),
      net = network.of_tool(needs, net_of(declaration, prepared.hosts)),
      secrets = declaration.granted.secrets, roots = declaration.granted.roots } }
  local repeatable = declaration.effect == "read" or declaration.repeatable == true
  local tries = 0
  local result
  repeat
    tries = tries + 1
    result = shape(prepared.call, run:tool(means, prepared.input))
  until result.code ~= "timeout" or not stall.met(run, "tool", prepared.call.id,
    "tool " .. declaration.name, declaration.timeout_ms, repeatable and tries < TRIES_MOST)
  return keep_state(run, prepared.call, result)
end

local function finish(run, prepared, result)
  if prepared.known then return result end
  result.at, result.of, result.seen = prepared.call.at, prepared.call.of, run:new_seen()
  result.wrote, result.jobs = run:wrote(), run:new_jobs()
  session.record(run, "result", result, prepared.power)
  local declaration = prepared.declaration
  note_touched(run, declaration and declaration.effect, prepared.input, result)
  return result
end

--- Carries out one call. Always answers a result; what went wrong stands in it.
---@async
---@param run  HostRun
---@param who  agent.Agent the agent or chain that asks; `tools` are the names it has
---@param call Call
---@return CallResult result
function door.call(run, who, call)
  local prepared = begin(run, who, call)
  return finish(run, prepared, use(run, prepared))
end

--- Calls that only read, side by side. What is recorded stands in the order of the calls, so that a
--- journal does not depend on which file came first from the disk.
local function side_by_side(run, who, calls)
  local prepared, work, results = {}, {}, {}
  for i, call in ipairs(calls) do
    prepared[i] = begin(run, who, call)
    work[i] = function() return use(run, prepared[i]) end
  end
  local done, err = run:all(work)
  if not done then error(err, 0) end
  for i in ipairs(calls) do results[i] = finish(run, prepared[i], done[i]) end
  return results
end

--- Carries out the calls of one reply: side by side while their effect is read, else one after the
--- other. The results stand in the order of the calls.
---@async
---@param run   HostRun
---@param who   agent.Agent
---@param calls Call[]
---@return CallResult[] results
function door.all(run, who, calls)
  local s, results, at = session.get(), {}, 1
  local function reads(call)
    local declaration = call and s.tools[call.name]
    return declaration ~= nil and declaration.effect == "read"
  end
  while at <= #calls do
    local last = at
    while reads(calls[at]) and reads(calls[last + 1]) do last = last + 1 end
    local batch = table.move(calls, at, last, 1, {})
    local done = #batch > 1 and side_by_side(run, who, batch) or { door.call(run, who, batch[1]) }
    table.move(done, 1, #done, at, results)
    at = last + 1
  end
  return results
end

return door
