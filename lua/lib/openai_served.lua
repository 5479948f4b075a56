--- The tools that a Responses server carries out itself: how they are asked for, and what the items
--- of a reply say of their use. Pure. Types as in openai 6.49.0 (npm, 2026-07-23): WebSearchTool,
--- Tool.CodeInterpreter, the items web_search_call and code_interpreter_call, and the annotations
--- of a message.
local reading = require "lib.reading"
local served  = require "lib.served"

local openai_served = {}

--- Pages are read by the search; there is no tool that only reads one. Code runs without a network.
openai_served.FORMS = {
  web_search = '{"type":"web_search"}',
  code_execution = '{"type":"code_interpreter","container":{"type":"auto",'
    .. '"network_policy":{"type":"disabled"}}}',
}

--- What of the output of code is asked for: it goes back whole, since nothing is stored there.
openai_served.INCLUDE = { code_execution = "code_interpreter_call.outputs" }

--- A search, which costs; to open a page that it found does not.
local function note_search(state, item)
  local action = reading.object(item.action)
  local kind = action and reading.text(action.type) or "search"
  if item.status == "completed" and kind == "search" then
    state.searches = (state.searches or 0) + 1
  end
  action = action or {}
  local queries = reading.object(action.queries) or {}
  return served.note(state, { tool = kind == "search" and "web_search" or "web_fetch",
    what = served.line(action.url) or served.line(action.query) or served.line(queries[1]),
    error = item.status == "failed" and "failed" or nil })
end

local function note_code(state, item)
  local failed = item.status == "failed" or item.status == "incomplete"
  state.code_runs = (state.code_runs or 0) + 1
  return served.note(state, { tool = "code_execution", what = served.line(item.code),
    error = failed and item.status or nil })
end

--- What a message rests on, and the files that it names.
local function note_message(state, item)
  local use
  for _, part in ipairs(reading.object(item.content) or {}) do
    for _, mark in ipairs(reading.object(part) and reading.object(part.annotations) or {}) do
      mark = reading.object(mark) or {}
      if mark.type == "url_citation" then
        served.cite(state, mark.url, mark.title)
      elseif mark.type == "container_file_citation" and reading.text(mark.file_id) then
        use = use or { tool = "code_execution" }
        served.add_file(use, mark.file_id, mark.filename)
      end
    end
  end
  return use and served.note(state, use)
end

local NOTERS <const> = {
  web_search_call = note_search, code_interpreter_call = note_code, message = note_message,
}

--- What a finished item says of the server's own tools.
---@param state table
---@param item  table as it came
---@return DialectEvent? event
function openai_served.note(state, item)
  local note = NOTERS[item.type]
  return note and note(state, item)
end

return openai_served
