--- A task with more fields, as the first message of a conversation: each field a titled section.
local json = require "lib.json"
local text = require "lib.text"

local opening = {}

local function title(key) return (key:gsub("_", " "):gsub("^%l", string.upper)) end

local function body(value)
  if type(value) == "string" then return value end
  return "```json\n" .. json.encode(value, { indent = 2 }) .. "\n```"
end

--- The task and the message. A bare text is both.
---@param input string|table
---@return string task, string first
function opening.of(input)
  if type(input) == "string" then return input, input end
  local task, parts = input.task, {}
  if type(task) == "string" then parts[1] = task end
  for _, key in ipairs(text.sorted_keys(input)) do
    if key ~= "task" then
      parts[#parts + 1] = ("## %s\n%s"):format(title(tostring(key)), body(input[key]))
    end
  end
  local first = table.concat(parts, "\n\n")
  return type(task) == "string" and task or text.first_line(first), first
end

return opening
