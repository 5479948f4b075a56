--- Writes whole files. A file that is there already is replaced only as this run knows it: read or
--- written before, and unchanged since. What nobody looked at is not lost by a guess.
local schema = require "lib.schema"
local text   = require "lib.text"

local CONTENT_MOST <const> = 4000000 -- characters

local function refuse(path, why) return nil, { code = "invalid", message = path .. " " .. why } end

---@async
---@param input { path: string, content: string }
---@param call  Call
---@return string? words, Error? err
local function write(input, call)
  local before, err = call.info(input.path)
  if not before and err.code ~= "not_found" then return nil, err end
  if before and before.kind == "folder" then
    return refuse(input.path, "is a folder; name a file in it")
  end

  local info
  info, err = call.write(input.path, input.content, { expect = before and "seen" or "new" })
  if not info and err.code == "invalid" then
    if not before then
      return refuse(input.path, "appeared while it was written; read it, then decide")
    end
    return refuse(input.path, "exists, and this run has not read it as it is now; read it first, "
      .. "then write it again or use edit")
  end
  if not info then return nil, err end

  local lines = #text.lines(input.content)
  return ("%s %s: %s, %s."):format(before and "Replaced" or "Created", input.path,
    text.plural(lines, "line"), text.plural(#input.content, "byte"))
end

return {
  description = "Write a whole file: a new one, or one that was read before and has not changed "
    .. "since. Folders on the way are made. To change a part of a file use edit.",
  input       = schema.object {
    { "path",    schema.path(),                         "File inside the workspace." },
    { "content", schema.text { max = CONTENT_MOST },    "All that the file shall hold." },
  },
  effect      = "write",
  needs       = { read = { "." }, write = { "." } },
  timeout     = "30s",
  run         = write,
}
