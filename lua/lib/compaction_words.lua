--- What a `compaction` record says, for a person. Pure.
local text = require "lib.text"

local compaction_words = {}

---@param body table
---@return string
function compaction_words.of(body)
  local parts = {}
  if #body.results > 0 then
    parts[1] = text.plural(#body.results, "result") .. " taken out"
  end
  if body.upto then
    parts[#parts + 1] = ("messages 2 to %d summed up by %s"):format(body.upto, body.model)
  end
  local of = body.window and (" of %d"):format(body.window) or ""
  local said = ("%s: %d%s tokens to %d (%s): %s"):format(body.agent, body.tokens_before, of,
    body.tokens_after, body.why == "exceeded" and "the model refused it as too long"
      or "the window was nearly full", table.concat(parts, ", "))
  return body.summary and said .. "\n" .. text.cut_middle(body.summary, 2000) or said
end

return compaction_words
