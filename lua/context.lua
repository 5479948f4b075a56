--- What a model is told besides its definition, and what one agent hands to the next. Pure; edit
--- it.
local text = require "lib.text"

local RESULT_MOST <const> = 16000 -- bytes of a result that the next agent is given
local TASK_MOST   <const> = 8000
local FILES_MOST  <const> = 50

local function section(title, body) return ("## %s\n%s"):format(title, body) end

--- The system prompt: the definition's own text, then the facts of this run. The last section holds
--- the line `Agent: NAME`.
---@param facts { agent: table, date: string, system: string, workspace: string?, sandbox: string }
---@return string
local function prompt(facts)
  local lines = {}
  local function put(name, value) lines[#lines + 1] = ("%s: %s"):format(name, value) end
  put("Date", facts.date)
  put("System", facts.system)
  if facts.workspace then put("Workspace", facts.workspace) end
  if facts.sandbox == "full" then
    put("Commands", "run in a sandbox: no network, nothing outside the workspace")
  end
  put("Agent", facts.agent.name)
  local where = section("Where you work", table.concat(lines, "\n"))
  return text.trim(facts.agent.prompt) .. "\n\n" .. where .. "\n"
end

---@class context.Handover
---@field task   string
---@field from   string
---@field to     string
---@field result string
---@field reason string?
---@field files  string[]?

--- The first message of the next agent: it sees nothing of the conversation before.
---@param facts context.Handover
---@return string
local function handover(facts)
  local parts = {
    ("%s hands this work to you."):format(facts.from),
    section("Task", text.cut_middle(facts.task, TASK_MOST)),
    section(("Result of %s"):format(facts.from), text.cut_middle(facts.result, RESULT_MOST)),
  }
  if facts.reason then parts[#parts + 1] = section("Why you", facts.reason) end
  if facts.files and #facts.files > 0 then
    local list = {}
    for i, path in ipairs(facts.files) do
      if i > FILES_MOST then
        list[i] = ("- and %d more"):format(#facts.files - FILES_MOST)
        break
      end
      list[i] = "- " .. path
    end
    parts[#parts + 1] = section("Files changed so far", table.concat(list, "\n"))
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return { prompt = prompt, handover = handover }
