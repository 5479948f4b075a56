--- A file that a tool is about to change: taken for this call alone, and as this run knows it. Who
--- does not know it as it is now is told what changed.
local diff     = require "lib.diff"
local encoding = require "lib.encoding"

local known = {}

local DIFFERENCE_MOST <const> = 8000 -- bytes

local function invalid(message) return nil, { code = "invalid", message = message } end

--- What changed since the run saw the file, as text; nil where the old content is not kept, or one
--- of the two is no text.
local function difference(before, now)
  local old, new = before and encoding.open(before), encoding.open(now)
  if not old or not new then return nil end
  local said, whole = diff.unified(old, new, DIFFERENCE_MOST)
  if said == "" then return "only its encoding changed", true end
  return said, whole
end

--- The refusal of a change to a file that changed. Where all of the difference could be shown, the
--- run now knows the file.
---@async
---@param shown string the path as it was given
---@param path  string
---@param call  Call
---@param bytes string as the file is now
---@param info  FileInfo
---@return nil, Error
local function changed(shown, path, call, bytes, info)
  local said, whole = difference(info.before, bytes)
  if not said then
    return invalid(shown .. " was changed since this run read it; nothing was written. "
      .. "Read it again first")
  end
  local head = ("%s was changed since this run read it; nothing was written. What changed "
    .. "(- as it was read, + as it is now):\n%s\n"):format(shown, said)
  if whole and call.read(path, { most = #bytes + 1, expect = info.hash }) then
    return invalid(head .. "If your change still fits, make it again.")
  end
  return invalid(head .. "Read it again before changing it.")
end

--- Takes a file for this call and reads it. A look alone does not count as reading, so that a
--- change is refused which the run has not seen.
---@async
---@param shown string for messages
---@param path  string
---@param call  Call
---@param most  integer bytes
---@return string? bytes, FileInfo|Error info `seen` is true, or nil where the run never read it
function known.open(shown, path, call, most)
  local held, err = call.hold(path)
  if not held then return nil, err end
  local bytes, info = call.read(path, { most = most, peek = true })
  if not bytes then return nil, info end
  if info.seen == false then return changed(shown, path, call, bytes, info) end
  return bytes, info
end

return known
