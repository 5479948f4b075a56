--- How a reply is cut into pieces for its dialect: server-sent events, lines, or bytes as they
--- came. All that has come is handed over at once, so that a dialect in another VM costs one
--- crossing for each read and not one for each event.
local framing = {}

local LINE_MOST <const> = 4 * 1024 * 1024 -- bytes of a line, as of one of an event (base/limits.h)
local EVENTS <const> = { types = { "text/event-stream" }, frames = "events" }

--- What the transport is asked to do with the answer.
---@param stream? dialect.Framing
---@return "sse"?
function framing.asked(stream) return not stream and "sse" or nil end

--- Whether an answer is a reply that comes in this way.
---@param response table of the transport
---@param stream?  dialect.Framing
---@return boolean
function framing.fits(response, stream)
  local kind = (response.headers["content-type"] or ""):lower():match("^[^;%s]*")
  for _, one in ipairs((stream or EVENTS).types) do
    if response.status == 200 and kind == one:lower() then return true end
  end
  return false
end

--- All that is there, after waiting for the first.
local function all_there(response)
  local piece, err = response:next()
  if not piece then return nil, err end
  local pieces = { piece }
  while response.ready do pieces[#pieces + 1] = response:next() end
  return pieces
end

--- The lines of a body; the last needs no end.
local function lines_of(response)
  local kept, size, ended = {}, 0, false
  local function add(lines, line)
    line = line:gsub("\r$", "")
    if line ~= "" then lines[#lines + 1] = { data = line } end
  end
  local function take(lines, data)
    local at = 1
    for till in data:gmatch("()\n") do
      kept[#kept + 1] = data:sub(at, till - 1)
      add(lines, table.concat(kept))
      kept, size, at = {}, 0, till + 1
    end
    kept[#kept + 1], size = data:sub(at), size + #data - at + 1
  end
  return function()
    while not ended do
      local pieces, err = all_there(response)
      if err then return nil, err end
      local lines = {}
      for _, piece in ipairs(pieces or {}) do take(lines, piece.data) end
      if size > LINE_MOST then
        return nil, { code = "protocol", retryable = false,
          message = ("the reply has a line of more than %d bytes"):format(LINE_MOST) }
      end
      ended = pieces == nil
      if ended then add(lines, table.concat(kept)) end
      if #lines > 0 then return lines end
    end
  end
end

--- What reads the pieces of a reply: a list of them, nil at the end, or nil and an error.
---@param response table of the transport
---@param stream?  dialect.Framing
---@return async fun(): { name: string?, data: string }[]?, Error?
function framing.of(response, stream)
  if stream and stream.frames == "lines" then return lines_of(response) end
  return function() return all_there(response) end
end

return framing
