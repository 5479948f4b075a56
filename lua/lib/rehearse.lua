--- Words for authors of scenarios: what a turn must have been given before its reply is played.
--- Each function answers an `expect`: function(given) -> true | false, what was missing. Texts are
--- found as they stand, never as patterns.
---
---   local rehearse = require "lib.rehearse"
---   { expect = rehearse.result("bash", "2 rows"), text = "Fine." }
local rehearse = {}

local QUOTE <const> = 160 -- bytes of a given text that a difference shows

---@alias rehearse.Expect fun(given: rehearsal.Given): boolean, string?

local function quoted(text)
  if #text > QUOTE then text = text:sub(1, QUOTE) .. "..." end
  return '"' .. text:gsub("\n", "\\n") .. '"'
end

--- What is missing of `parts` in `text`, or nil.
local function missing(text, parts)
  for _, part in ipairs(parts) do
    if not text:find(part, 1, true) then return part end
  end
end

--- An expectation about one text of `given`.
local function of_text(field, name)
  return function(...)
    local parts = { ... }
    return function(given)
      local text = given[field] or ""
      local part = missing(text, parts)
      if not part then return true end
      return false, ("%s with %s; it is %s"):format(name, quoted(part), quoted(text))
    end
  end
end

rehearse.first = of_text("first", "a first message")    -- the conversation's first user message
rehearse.task = of_text("task", "a task")               -- what the run was asked
rehearse.system = of_text("system", "a system prompt")

--- The last results in one line, for a message.
---@param given rehearsal.Given
---@return string
function rehearse.describe(given)
  local names = {}
  for i, result in ipairs(given.results) do
    local mark = result.error and " (error)" or ""
    names[i] = ("%s%s %s"):format(result.name, mark, quoted(result.text))
  end
  return #names == 0 and "there was no result" or "the results were " .. table.concat(names, ", ")
end

--- Whether a result suits; `wanted` says true for errors, false for the others, nil for both.
local function some_result(tool, wanted, parts)
  return function(given)
    for _, result in ipairs(given.results) do
      if result.name == tool and (wanted == nil or (result.error == true) == wanted)
        and not missing(result.text, parts) then
        return true
      end
    end
    local kind = wanted and "an error" or wanted == false and "a result" or "a result or error"
    local with = {}
    for i, part in ipairs(parts) do with[i] = quoted(part) end
    return false, ("%s of %s%s; %s"):format(kind, tool,
      #with > 0 and " with " .. table.concat(with, " and ") or "", rehearse.describe(given))
  end
end

--- One of the last results of `tool` is no error and holds all the texts.
---@param tool string
---@param ... string
---@return rehearse.Expect
function rehearse.result(tool, ...) return some_result(tool, false, { ... }) end

--- One of the last results of `tool` is an error and holds all the texts.
---@param tool string
---@param ... string
---@return rehearse.Expect
function rehearse.failure(tool, ...) return some_result(tool, true, { ... }) end

--- One of the last results of `tool`, error or not, holds all the texts.
---@param tool string
---@param ... string
---@return rehearse.Expect
function rehearse.shown(tool, ...) return some_result(tool, nil, { ... }) end

--- No result of `tool` holds any of the texts.
---@param tool string
---@param ... string
---@return rehearse.Expect
function rehearse.lacks(tool, ...)
  local parts = { ... }
  return function(given)
    for _, result in ipairs(given.results) do
      for _, part in ipairs(parts) do
        if result.name == tool and result.text:find(part, 1, true) then
          return false, ("no result of %s with %s; it is %s")
            :format(tool, quoted(part), quoted(result.text))
        end
      end
    end
    return true
  end
end

local function is_offered(given, name)
  for _, tool in ipairs(given.tools) do
    if tool == name then return true end
  end
  return false
end

local function offer(names, wanted)
  return function(given)
    for _, name in ipairs(names) do
      if is_offered(given, name) ~= wanted then
        return false, ("tools %s %s; they are %s"):format(wanted and "with" or "without", name,
          #given.tools > 0 and table.concat(given.tools, ", ") or "none")
      end
    end
    return true
  end
end

--- The model was offered these tools.
---@param ... string
---@return rehearse.Expect
function rehearse.tools(...) return offer({ ... }, true) end

--- The model was not offered any of these tools.
---@param ... string
---@return rehearse.Expect
function rehearse.no_tools(...) return offer({ ... }, false) end

--- There are exactly `count` results.
---@param count integer
---@return rehearse.Expect
function rehearse.results(count)
  return function(given)
    if #given.results == count then return true end
    return false, ("%d results; %s"):format(count, rehearse.describe(given))
  end
end

--- All hold; the first that does not is named.
---@param expects rehearse.Expect[]
---@return rehearse.Expect
function rehearse.all(expects)
  return function(given)
    for _, expect in ipairs(expects) do
      local holds, what = expect(given)
      if not holds then return false, what end
    end
    return true
  end
end

--- At least one holds.
---@param expects rehearse.Expect[]
---@return rehearse.Expect
function rehearse.any(expects)
  return function(given)
    local wants = {}
    for i, expect in ipairs(expects) do
      local holds, what = expect(given)
      if holds then return true end
      wants[i] = what or "something"
    end
    return false, table.concat(wants, ", or ")
  end
end

--- Nothing in particular; `why` is for the reader of the scenario.
---@param why string
---@return rehearse.Expect
function rehearse.anything(why)
  if type(why) ~= "string" then error("rehearse.anything: say why nothing is expected", 2) end
  return function() return true end
end

return rehearse
