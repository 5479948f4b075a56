--- Writes whole files. A file that is there already is replaced only as this run knows it: read or
--- written before, and unchanged since. What nobody looked at is not lost by a guess.
local diff     = require "lib.diff"
local encoding = require "lib.encoding"
local filename = require "lib.filename"
local known    = require "lib.known"
local schema   = require "lib.schema"
local text     = require "lib.text"

local CONTENT_MOST <const> = 4000000 -- characters
local FILE_MOST    <const> = 8000000 -- bytes of the old file; a larger one keeps no form

local function refuse(path, why) return nil, { code = "invalid", message = path .. " " .. why } end

--- The new content in the form of the old file: its encoding and mark, and CRLF where every line
--- ended so; and what was kept, in words.
local function in_form_of(old, content)
  local s, form = encoding.open(old)
  if not s then return content, {} end
  local kept, ends = {}, text.count(s, "\n")
  if ends > 0 and text.count(s, "\r\n") == ends and not content:find("\r", 1, true) then
    content, kept[1] = content:gsub("\n", "\r\n"), "CRLF line ends"
  end
  if form.mark ~= "" and content:sub(1, 3) ~= "\u{FEFF}" then
    kept[#kept + 1] = form.name == "UTF-8" and "byte order mark" or form.name
    content = encoding.close(content, form)
  end
  return content, kept
end

---@async
---@param input { path: string, content: string }
---@param call  Call
---@return { text: string, data: table? }? done, Error? err
local function write(input, call)
  local path = filename.bytes(input.path)
  local before, info = known.open(input.path, path, call, FILE_MOST)
  if not before and info.code ~= "not_found" and info.code ~= "limit" then return nil, info end
  if before and info.seen == nil then
    return refuse(input.path, "exists, and this run has not read it; read it first, then write "
      .. "it again or use edit")
  end

  local new = not before and info.code == "not_found"
  local content, kept = input.content, {}
  if before then content, kept = in_form_of(before, content) end
  local written, err = call.write(path, content, { expect = new and "new" or "seen" })
  if not written and err.code == "invalid" then
    return refuse(input.path, new and "appeared while it was written; read it, then decide"
      or before and "changed while it was written; read it, then decide"
      or ("is larger than %d bytes and was not written by this run; remove it first if it shall "
        .. "be replaced"):format(FILE_MOST))
  end
  if not written then return nil, err end

  local lines = #text.lines(input.content)
  local said = ("%s %s: %s, %s%s."):format(new and "Created" or "Replaced", input.path,
    text.plural(lines, "line"), text.plural(#content, "byte"),
    #kept > 0 and "; kept its " .. table.concat(kept, " and ") or "")
  return { text = said, data = (new or before) and diff.counts(before or "", content) or nil }
end

return {
  description = "Write a whole file: a new one, or one that was read before and has not changed "
    .. "since. Folders on the way are made. A replaced file keeps its mode, encoding and CRLF "
    .. "line ends. To change a part of a file use edit.",
  input       = schema.object {
    { "path",    schema.path(),                         "File inside the workspace." },
    { "content", schema.text { max = CONTENT_MOST },    "All that the file shall hold." },
  },
  effect      = "write",
  needs       = { read = { "." }, write = { "." } },
  timeout     = "30s",
  run         = write,
}
