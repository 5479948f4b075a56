--- The way of a run from agent to agent: where it goes when a part has ended, its itinerary and its
--- bounds (DESIGN.md, section 7). The choice itself is the hook's and routing.lua's; here is what
--- they are asked and held to.
local changes  = require "lib.changes"
local evidence = require "lib.evidence"
local hop      = require "lib.hop"
local json     = require "lib.json"
local limits   = require "lib.limits"
local past     = require "lib.past"
local ruling   = require "lib.ruling"
local session  = require "lib.session"

local way = {}

local HOPS_MOST   <const> = 8
local VISITS_MOST <const> = 2
local ROUTING <const> = "lua/routing.lua"

---@class way.Way
---@field mode      "off"|"auto"|"full"
---@field count     integer hops so far
---@field visits    table<string, integer>
---@field itinerary string[] who is still to come
---@field output?   Schema   what a final reply must be, in place of what definitions say

--- The primary chain of the starting agent, in order, without itself and repetitions; and what of
--- it is passed over, in words.
---@param who agent.Agent
---@return string[] itinerary, string[] skipped
function way.itinerary(who)
  local list, skipped, seen = {}, {}, { [who.name] = true }
  for _, edge in ipairs(who.edges) do
    if edge.kind == "primary" and edge.to and edge.to ~= "User" then
      if not seen[edge.to] then list[#list + 1] = edge.to end
      seen[edge.to] = true
    elseif edge.kind == "primary" then
      skipped[#skipped + 1] = ("primary chain of %s, line %d: %q is no agent here; skipped")
        :format(who.name, edge.line, edge.target)
    end
  end
  return list, skipped
end

--- A way at its beginning.
---@param who  agent.Agent who starts
---@param mode? "off"|"auto"|"full"
---@return way.Way way, string[] skipped of the itinerary
function way.new(who, mode)
  local itinerary, skipped = {}, {}
  if mode == "full" then itinerary, skipped = way.itinerary(who) end
  return { mode = mode or "auto", count = 0, visits = { [who.name] = 1 }, itinerary = itinerary },
    skipped
end

---@async
---@param run   HostRun
---@param start agent.Start
---@return way.Way
function way.begin(run, start)
  local new, skipped = way.new(start.agent, start.hops)
  for _, said in ipairs(skipped) do past.once(run, "log", { text = said }) end
  if new.mode ~= "off" and (#start.agent.targets > 0 or #new.itinerary > 0) then
    changes.watch(run)
  end
  return new
end

--- Whether the way allows a hop; else why not, and whether it is passed over rather than the end.
local function bound(self, name)
  local visits = self.visits[name] or 0
  if self.mode == "full" and visits > 0 then
    return ("%s was visited already"):format(name), true
  end
  if self.count >= HOPS_MOST then
    return ("the run has made %d hops, which is the most"):format(HOPS_MOST)
  end
  if visits >= VISITS_MOST then
    return ("%s was visited %d times, which is the most"):format(name, VISITS_MOST)
  end
end

--- What the hook says, else routing.lua. `asker` asks the decision VM.
local function ask(asker, who, ending, facts)
  local files = { ROUTING }
  if who.hooks and who.hooks.next then table.insert(files, 1, who.hooks_file) end
  for _, file in ipairs(files) do
    local said, err = ruling.ask(asker, file, "next", hop.facts(who), ending, facts)
    if err then return nil, err end
    if said then
      if said.to and not hop.is_target(who, said.to) then
        local targets = #who.targets > 0 and table.concat(who.targets, ", ") or "it has none"
        return ruling.wrong(asker, file, "next",
          ("it sends %s to %q, which is none of its targets: %s")
            :format(who.name, said.to, targets), said.from)
      end
      if said.to and said.ends then
        return ruling.wrong(asker, file, "next", "it says both to and ends", said.from)
      end
      said.file = file
      return said
    end
  end
  return {}
end

--- Where in the itinerary the first is that was not visited yet.
local function onward_in_itinerary(self, catalog)
  for at, name in ipairs(self.itinerary) do
    if catalog.by_name[name] and not self.visits[name] then return name, at end
  end
end

local function no_rule(said, echoes)
  if #echoes > 0 then return "no rule holds: the reply repeats phrases of its instructions" end
  if #said > 0 then return "no rule holds: a trigger phrase that names nobody is no hop" end
  return "no rule holds: no handoff, and no trigger phrase that names an agent"
end

---@class way.Judgement
---@field to?       string who goes on
---@field ends?     boolean nobody does
---@field limit?    boolean a bound is reached
---@field why       string
---@field from?     string the rule that decided: "lua/routing.lua:12, rule 2"
---@field evidence? table
---@field triggers  evidence.Trigger[] what the reply says
---@field echoes    evidence.Trigger[] what it only repeats
---@field skipped?  string why what was wanted is passed over
---@field ended?    boolean a rule ended it: the itinerary does not go on
---@field at?       integer place in the itinerary

--- Where a run goes on from here; decides and changes nothing.
---@async
---@param asker   HostRun|{ decide: function } who asks the decision VM
---@param catalog catalog.Catalog
---@param self    way.Way
---@param who     agent.Agent whose part has ended
---@param ending  agent.Ended reply, handoff
---@param facts   table
---@return way.Judgement? judgement, Error? err
function way.judge(asker, catalog, self, who, ending, facts)
  if self.mode == "off" then
    return { ends = true, why = "hops are off", triggers = {}, echoes = {} }
  end
  local triggers, echoes = {}, {}
  if not ending.handoff then triggers, echoes = evidence.of(who, ending.reply) end
  local said, err = ask(asker, who, { reply = ending.reply, handoff = ending.handoff,
    triggers = json.array(triggers), hops = self.count }, facts)
  if not said then return nil, err end
  local found = { to = said.to, why = said.why, from = said.from, evidence = said.evidence,
    triggers = triggers, echoes = echoes }
  if said.to then
    local why, passed_over = bound(self, said.to)
    if why and not passed_over then found.limit, found.why = true, why end
    if not passed_over then
      found.why = found.why or "routing says so"
      return found
    end
    found.skipped, found.to, found.evidence = why, nil, nil
  elseif said.ends then
    found.ends, found.why = true, said.why or "routing ends it"
    return found
  end
  local to, at = onward_in_itinerary(self, catalog)
  if to then
    found.to, found.at, found.why, found.from = to, at, "next of the primary chain", nil
    local why = bound(self, to)
    if why then found.limit, found.why = true, why end
    return found
  end
  found.ends, found.why = true, found.skipped or no_rule(triggers, echoes)
  return found
end

---@class way.Onward
---@field to?       agent.Agent
---@field ends?     boolean
---@field limit?    boolean
---@field why       string
---@field evidence? table

--- What routing may know of a run besides the ending.
---@param run   HostRun
---@param self  way.Way
---@param who   agent.Agent
---@param start agent.Start
---@return table facts
function way.facts(run, self, who, start)
  return { task_bytes = #start.task, attachments = start.attachments or 0,
    visit = self.visits[who.name] or 1, hops = self.count, mode = self.mode,
    left_usd = (run:left("usd") or 1e12) / 1e6, tokens = run:spent().tokens }
end

--- The recorded decision, which is never taken again, or a new one.
---@return table? decision, Error? err
local function decide(run, catalog, self, who, ending, start)
  local known = past.take(run, "decision", "next")
  if known then
    known.ends = not known.to and not known.limit
    return known
  end
  local found, err = way.judge(run, catalog, self, who, ending, way.facts(run, self, who, start))
  if not found then return nil, err end
  local why = found.why
  if found.skipped and found.to then why = ("%s; %s"):format(found.skipped, why) end
  session.record(run, "decision", { what = "next", agent = who.name, to = found.to,
    at_member = found.at, limit = found.limit, why = why, from = found.from,
    evidence = found.evidence,
    triggers = json.array(found.triggers),
    echoes = #found.echoes > 0 and found.echoes or nil })
  found.at_member = found.at
  return found
end

--- Where the run goes when a part has ended. The decision is recorded with its evidence.
---@async
---@param run    HostRun
---@param self   way.Way
---@param who    agent.Agent
---@param ending agent.Ended
---@param start  agent.Start
---@return way.Onward? onward, Error? err
function way.next(run, self, who, ending, start)
  if self.mode == "off" then return { ends = true, why = "hops are off" } end
  local catalog = session.get().catalog
  local found, err = decide(run, catalog, self, who, ending, start)
  if not found then return nil, err end
  if found.limit or found.ends then return found end
  local affordable, over = limits.spend(run, "hops", 1)
  if not affordable then return { limit = true, why = over.message } end
  for _ = 1, found.at_member or 0 do table.remove(self.itinerary, 1) end
  self.count = self.count + 1
  self.visits[found.to] = (self.visits[found.to] or 0) + 1
  local to = catalog.by_name[found.to]
  if not to then
    past.differ(("%s: the journal has %s hand over to %s; there is no agent of that name now")
      :format(run.id, who.name, found.to))
  end
  return { to = to, why = found.why, evidence = found.evidence }
end

--- The first message of the next agent, from context.lua.
---@async
---@return string? opening, Error? err
function way.handover(run, task, ending, onward)
  local files, unseen = changes.since(run)
  return ruling.ask(run, "lua/context.lua", "handover", {
    task = task, from = ending.agent, to = onward.to.name, result = ending.reply,
    reason = onward.why, files = files, unseen = unseen,
    questions = session.get().questions[run.id],
  })
end

return way
