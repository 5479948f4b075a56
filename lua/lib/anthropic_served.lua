--- The tools that a Messages server carries out itself: how they are asked for, and what the blocks
--- of a reply say of their use. Pure. Types as in @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20):
--- WebSearchTool20250305, WebFetchTool20260318, CodeExecutionTool20260521, and the blocks
--- server_tool_use and ..._tool_result.
local json    = require "lib.json"
local reading = require "lib.reading"
local served  = require "lib.served"

local anthropic_served = {}

--- So many uses in one request. Newer versions of the search and the reading want code beside them
--- that sifts what they bring; called directly they do without. A page that is read stands in the
--- prompt of every later request, so it is bounded.
anthropic_served.FORMS = {
  web_search = '{"type":"web_search_20250305","name":"web_search","max_uses":8%s}',
  web_fetch = '{"type":"web_fetch_20260318","name":"web_fetch","allowed_callers":["direct"],'
    .. '"max_uses":8,"max_content_tokens":25000,"citations":{"enabled":true}%s}',
  code_execution = '{"type":"code_execution_20260521","name":"code_execution"%s}',
}

--- Which of our tools a block is about.
local TOOLS <const> = {
  web_search = "web_search", web_fetch = "web_fetch",
  code_execution = "code_execution", bash_code_execution = "code_execution",
  text_editor_code_execution = "code_execution",
}

--- The arguments that say most, the first that is there.
local GISTS <const> = { "url", "query", "command", "code", "path" }

--- A call of such a tool: its arguments are remembered for the result that follows.
local function note_call(state, raw, typed)
  if not reading.text(raw.id) then return end
  local input = reading.object(typed ~= "" and json.decode(typed) or raw.input) or {}
  local what
  for _, name in ipairs(GISTS) do what = what or served.line(input[name]) end
  state.asked = state.asked or {}
  state.asked[raw.id] = what
end

local function note_result(state, raw, tool)
  local content = reading.object(raw.content) or {}
  local use = { tool = tool, what = (state.asked or {})[reading.text(raw.tool_use_id) or ""] }
  if (reading.text(content.type) or ""):find("_error$") then
    use.error = served.line(content.error_code) or "unknown"
    return served.note(state, use)
  end
  if math.type(content.return_code) == "integer" then use.exit_code = content.return_code end
  if tool == "web_fetch" then
    local document = reading.object(content.content) or {}
    use.what = use.what or served.line(content.url)
    state.pages = state.pages or {} -- citations name a page by its title only
    if reading.text(document.title) then state.pages[document.title] = content.url end
  elseif tool == "code_execution" then
    state.code_runs = (state.code_runs or 0) + 1
    for _, made in ipairs(reading.object(content.content) or {}) do
      if reading.object(made) and made.file_id then served.add_file(use, made.file_id) end
    end
  end
  return served.note(state, use)
end

--- What a finished block says of the server's own tools.
---@param state table
---@param raw   table the block as it came
---@param typed string its arguments as streamed
---@return DialectEvent? event
function anthropic_served.note(state, raw, typed)
  if raw.type == "server_tool_use" then return note_call(state, raw, typed) end
  local tool = TOOLS[raw.type:match("^(.*)_tool_result$") or ""]
  return tool and note_result(state, raw, tool)
end

--- What a text rests on.
---@param state    table
---@param citation table
function anthropic_served.cite(state, citation)
  local title = reading.text(citation.title) or reading.text(citation.document_title)
  served.cite(state, reading.text(citation.url) or (state.pages or {})[title], title)
end

--- Takes what the server counted of its tools into `total`.
---@param state table
---@param total table
---@param usage table as it came
function anthropic_served.count(state, total, usage)
  local counted = reading.object(usage.server_tool_use) or {}
  reading.count(total, "searches", counted.web_search_requests)
  reading.count(total, "fetches", counted.web_fetch_requests)
  reading.count(total, "code_runs", state.code_runs)
end

return anthropic_served
