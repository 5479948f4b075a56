--- What every dialect needs to read a stream and to write a message. Pure. A state belongs to one
--- reply; `said` has the pieces of text so far, for the error of a reply that does not end well.
local failure = require "lib.failure"
local json    = require "lib.json"

local reading = {}

--- The most that is believed of one reply, each far beyond any that there is: tokens of a kind, and
--- dollars. What is added up of such amounts stays within 64 bits.
reading.COUNT_MOST, reading.USD_MOST = 1000000000, 1000000

--- A state with the fields that the functions here use, and the dialect's own.
---@param fields table
---@return table
function reading.begin(fields)
  fields.said, fields.done = {}, false
  return fields
end

---@param value any
---@return string?
function reading.text(value) return type(value) == "string" and value or nil end

--- A table that came as JSON; JSON null is none.
---@param value any
---@return table?
function reading.object(value) return type(value) == "table" and value or nil end

--- The text of a JSON value with each half of a surrogate pair that stands alone replaced: servers
--- that cut a reply between the two halves of a sign send such.
local function without_lone_halves(data)
  local parts, at = {}, 1
  while true do
    local from, to, escaped = data:find("\\(.)", at)
    if not from then break end
    local code = escaped == "u" and tonumber(data:match("^%x%x%x%x", to + 1) or "", 16)
    if code and code >= 0xD800 and code <= 0xDFFF then
      local paired = code < 0xDC00 and data:find("^\\u[dD][c-fC-F]%x%x", to + 5)
      parts[#parts + 1] = data:sub(at, from - 1)
      parts[#parts + 1] = paired and data:sub(from, to + 10) or "\\ufffd"
      at = paired and to + 11 or to + 5
    else
      parts[#parts + 1] = data:sub(at, to)
      at = to + 1
    end
  end
  parts[#parts + 1] = data:sub(at)
  return table.concat(parts)
end

local IN_ORDER <const> = { ordered = true }

--- The object (or list) of an event; nil when its data is none.
---@param data    string
---@param texts?  boolean only texts and numbers of it are used: the order of keys need not be kept,
---  which takes a quarter of the time that a piece costs in all
---@return table?
function reading.event(data, texts)
  local how = not texts and IN_ORDER or nil
  local value = json.decode(data, how)
  if value == nil and data:find("\\u[dD][89a-fA-F]") then
    value = json.decode(without_lone_halves(data), how)
  end
  return type(value) == "table" and value or nil
end

--- The arguments' own text when it is a JSON object, else {}: servers refuse anything else, and
--- the model is told what was wrong by the call's result.
---@param text string
---@return string
function reading.arguments(text)
  local value = json.decode(text)
  if type(value) == "table" and not json.is_array(value) then return text end
  return "{}"
end

--- Whether the block goes back as it came, to the dialect called `name`.
---@param block Block
---@param name  string
---@return boolean
function reading.is_own(block, name)
  return block.opaque ~= nil and not block.partial and (block.dialect or name) == name
end

--- Ends the stream with `err`.
---@return DialectEvent[]
function reading.fail(state, err)
  err.details = err.details or {}
  err.details.partial = table.concat(state.said)
  state.err, state.done = err, true
  return { { kind = "error", err = err } }
end

--- Ends a stream that contradicts itself: to ask again would not help.
---@param what string
---@return DialectEvent[]
function reading.broken(state, what)
  return reading.fail(state,
    { code = "protocol", message = "the stream is not valid: " .. what, retryable = false })
end

--- Ends a stream whose event is no JSON object.
---@return DialectEvent[]
function reading.not_json(state, data)
  return reading.broken(state,
    ("%q is not a JSON object"):format(failure.quote(data:sub(1, 120))))
end

--- The error of a stream that broke off.
---@return Failure
function reading.cut(state)
  return { code = "protocol", message = "the stream ended before the reply was complete",
    retryable = true, details = { partial = table.concat(state.said) } }
end

--- An error that came inside a stream, as if it had been an answer with `status`.
---@param status integer
---@param said   { message: string?, type: string?, final: boolean? }
---@return DialectEvent[]
function reading.refused(state, status, said)
  local err = failure.from_status(status, nil, said)
  err.message = err.message:gsub("^HTTP %d+", "the stream broke off with", 1)
  err.details.status, err.details.in_stream = nil, true -- the answer itself was a 200
  return reading.fail(state, err)
end

--- Puts a count over the one before. Counts of a stream are totals: one that shrinks is not
--- believed, so that a budget never gets back what was spent; nor is one beyond all measure.
---@param totals table
---@param name   string
---@param count  any
function reading.count(totals, name, count)
  if math.type(count) ~= "integer" or count < 0 or count > reading.COUNT_MOST then return end
  totals[name] = math.max(totals[name] or 0, count)
end

--- The tokens in the answer to a question how many a request is.
---@param body string
---@return integer?
function reading.counted(body)
  local said = reading.object(json.decode(body))
  local counted = {}
  reading.count(counted, "tokens", said and said.input_tokens)
  return counted.tokens
end

--- The answer was no stream although nothing failed: says what it was.
---@param err     Failure
---@param status  integer
---@param headers table<string, string>
---@param body    string
---@return Failure
function reading.no_stream(err, status, headers, body)
  if status >= 300 then return err end
  err.message = ("expected a stream of events, got %s: %s")
    :format(headers["content-type"] or "something else", failure.quote(body))
  return err
end

return reading
