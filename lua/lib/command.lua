--- Command lines as `Bash(git:*)` in a definition means them. A narrowing of what an agent is
--- offered, read strictly; what holds commands in place is the sandbox. Pure.
local command = {}

--- Signs with which one line becomes several commands, or runs what it does not name.
local JOINING <const> = "[;&|<>`$%(%){}\n\r\\]"

--- Whether a command line is one plain command that fits a scope: "git:*" and "git *" fit git with
--- any words behind it, "npm test" fits itself alone.
---@param line   any
---@param scopes string[]
---@return boolean fits
function command.fits(line, scopes)
  if type(line) ~= "string" or line:find(JOINING) then return false end
  local words = line:gsub("^[ \t]+", "")
  for _, scope in ipairs(scopes) do
    local start = scope:match("^(.-):%*$") or scope:match("^(.-) %*$")
    if start then
      if words == start or words:sub(1, #start + 1) == start .. " " then return true end
    elseif words == scope then
      return true
    end
  end
  return false
end

return command
