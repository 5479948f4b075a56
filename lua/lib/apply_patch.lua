--- run.apply: takes what an agent changed in its copy into the workspace, through the one door. A
--- tool of chains only: no agent is offered it.
local schema = require "lib.schema"
local text   = require "lib.text"

local LINES_MOST <const> = 20

--- git's complaints, a line each, without what is always said.
local function complaints(said)
  local lines = {}
  for line in said:gmatch("[^\n]+") do
    if #lines < LINES_MOST then lines[#lines + 1] = (line:gsub("^error: ", "")) end
  end
  return table.concat(lines, "; ")
end

local function apply(input, call)
  if input.patch == "" then return "There is nothing to apply." end
  local done, err = call.exec { "git", "apply", "--whitespace=nowarn", "-", stdin = input.patch }
  if not done then return nil, err end
  if done.exit_code == 0 then
    return ("Applied to %s."):format(text.plural(#input.files, "file"))
  end
  return nil, { code = "invalid",
    message = "the patch does not fit, and nothing of it was applied: " .. complaints(done.stderr) }
end

return {
  description = "Apply a patch to the workspace: all of it, or nothing.",
  input = schema.object {
    { "patch", schema.text(), "As `git diff` writes it." },
    { "files", schema.list { of = schema.path() }, "Every path that it changes." },
  },
  effect = "write",
  needs = { exec = { "git" }, read = { "." }, write = { "." } },
  timeout = "2m",
  run = apply,
}
