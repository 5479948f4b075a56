--- What only the whole graph shows: agents that hand work to one another in circles, and agents to
--- whom no work can come. Linear in agents and edges, and never recursive: a catalog may be one
--- long chain.
local relations = require "lib.relations"

local check_graph = {}

local MOST_LISTED <const> = 6 -- members of a group in its message
local MOST_IN_EXAMPLE <const> = 6

--- Whom each agent hands work to: leads[name] = { { to, edge }, ... }, each once.
local function leads_of(found)
  local leads = {}
  for _, who in ipairs(found.agents) do
    local list, seen = {}, {}
    for _, edge in ipairs(who.edges) do
      if relations.moves_work(edge) and found.by_name[edge.to] and not seen[edge.to] then
        seen[edge.to] = true
        list[#list + 1] = { edge.to, edge }
      end
    end
    leads[who.name] = list
  end
  return leads
end

-- == strongly connected groups ====================================================================

--- Takes the group that `root` closes from the stack.
local function close_group(state, root)
  local group = {}
  repeat
    local name = table.remove(state.stack)
    state.open[name] = nil
    group[#group + 1] = name
  until name == root
  if #group > 1 then
    table.sort(group)
    state.groups[#state.groups + 1] = group
  end
end

local function enter(state, walk, name)
  state.count = state.count + 1
  state.index[name], state.low[name] = state.count, state.count
  state.stack[#state.stack + 1], state.open[name] = name, true
  walk[#walk + 1] = { name = name, at = 0 }
end

--- Groups of agents that all reach each other (Tarjan 1972), the walk kept in a list of its own.
---@param order string[]
---@param leads table<string, table[]>
---@return string[][] groups of two or more, sorted inside
function check_graph.groups(order, leads)
  local state = { count = 0, index = {}, low = {}, stack = {}, open = {}, groups = {} }
  for _, start in ipairs(order) do
    local walk = {}
    if not state.index[start] then enter(state, walk, start) end
    while #walk > 0 do
      local frame = walk[#walk]
      frame.at = frame.at + 1
      local lead = leads[frame.name][frame.at]
      if not lead then
        walk[#walk] = nil
        local above = walk[#walk]
        if above then
          state.low[above.name] = math.min(state.low[above.name], state.low[frame.name])
        end
        if state.low[frame.name] == state.index[frame.name] then close_group(state, frame.name) end
      elseif not state.index[lead[1]] then
        enter(state, walk, lead[1])
      elseif state.open[lead[1]] then
        state.low[frame.name] = math.min(state.low[frame.name], state.index[lead[1]])
      end
    end
  end
  return state.groups
end

--- A shortest circle from the first member back to it: its names, and the edge it begins with.
local function example(group, leads)
  local member, from, queue = {}, {}, { group[1] }
  for _, name in ipairs(group) do member[name] = true end
  for _, name in ipairs(queue) do -- grows while it is walked
    for _, lead in ipairs(leads[name]) do
      local to = lead[1]
      if to == group[1] then
        local back, at, edge = { to }, name, lead[2]
        while at ~= to do
          back[#back + 1] = at
          at, edge = from[at][1], from[at][2]
        end
        back[#back + 1] = to
        local path = {}
        for i = #back, 1, -1 do path[#path + 1] = back[i] end
        return path, edge
      elseif member[to] and not from[to] then
        from[to] = { name, lead[2] }
        queue[#queue + 1] = to
      end
    end
  end
end

local function check_circles(found, order, leads, add)
  for _, group in ipairs(check_graph.groups(order, leads)) do
    local path, edge = example(group, leads)
    local few = table.move(group, 1, math.min(#group, MOST_LISTED), 1, {})
    if #group > #few then few[#few + 1] = ("%d more"):format(#group - #few) end
    local way = #path > MOST_IN_EXAMPLE + 1 and "" or ", such as " .. table.concat(path, " -> ")
    add("circle", found.by_name[group[1]], edge.line, edge.target,
      ("%d agents can hand work to one another in circles%s (%s); a run ends at the third visit to "
        .. "one of them: say in their prompts when the work is done"):format(#group, way,
        table.concat(few, ", ")))
  end
end

-- == who is reached ===============================================================================

--- Agents with whom people begin: those that take work from the user or a group, and those that
--- name no source and that nobody hands work to.
local function roots_of(found, leads)
  local reached_by, roots = {}, {}
  for _, who in ipairs(found.agents) do
    for _, lead in ipairs(leads[who.name]) do reached_by[lead[1]] = true end
  end
  for _, who in ipairs(found.agents) do
    local has_input, from_user = false, false
    for _, edge in ipairs(who.edges) do
      if edge.kind == "input" then
        has_input = true
        from_user = from_user or edge.resolved == "user" or edge.resolved == "group"
      end
    end
    if from_user or not has_input and not reached_by[who.name] then roots[#roots + 1] = who.name end
  end
  return roots
end

local function check_reach(found, leads, add)
  local queue, seen = roots_of(found, leads), {}
  for _, name in ipairs(queue) do seen[name] = true end
  local function reach(name)
    if name and found.by_name[name] and not seen[name] then
      seen[name] = true
      queue[#queue + 1] = name
    end
  end
  for _, name in ipairs(queue) do -- grows while it is walked
    for _, lead in ipairs(leads[name]) do reach(lead[1]) end
    for _, edge in ipairs(found.by_name[name].edges) do
      if edge.kind == "escalate" then reach(edge.to) end
    end
  end
  for _, who in ipairs(found.agents) do
    if not seen[who.name] then
      add("unreachable", who, who.name_line and who.name_line[1] or 1, who.name,
        ("no work comes to `%s`: nobody that a person would begin with hands any to it; name it "
          .. "where its work comes from, or `User` among its input sources"):format(who.name))
    end
  end
end

--- Checks the graph of a catalog.
---@param found catalog.Catalog
---@param add   fun(rule: string, who: agent.Agent, line: integer, at: string, message: string)
function check_graph.check(found, add)
  local leads, order = leads_of(found), {}
  for i, who in ipairs(found.agents) do order[i] = who.name end
  check_circles(found, order, leads, add)
  check_reach(found, leads, add)
end

return check_graph
