--- What the two dialects of OpenAI's making have in common: errors, usage, texts of results. Pure.
--- Shapes as in openai 7.57.0 (npm, 2026-11-13) and, where servers of others differ, as they say
--- themselves: `{"error":{...}}`, `{"error":"text"}`, vLLM's `{"object":"error","message":...}`,
--- and `{"detail":...}` of what stands before such a server.
local failure = require "lib.failure"
local json    = require "lib.json"
local reading = require "lib.reading"

local openai = {}

--- What a strict form asks of a schema (lib/transform of the SDK).
openai.FORM = { all_required = true, object_root = true }

--- Words of a 4xx that no waiting mends although the status alone says it may.
local FINAL <const> = { insufficient_quota = true, billing_hard_limit_reached = true }

--- Codes of a 4xx that another try mends: the model's call was none (Groq); the next may be one.
local ANOTHER_TRY <const> = { tool_use_failed = true }

--- The status of an error in a stream that names none.
local STATUS_OF <const> = {
  server_error = 500, rate_limit_exceeded = 429, insufficient_quota = 429,
  invalid_request_error = 400, BadRequestError = 400, exceed_context_size_error = 400,
  authentication_error = 401, permission_error = 403, not_found_error = 404,
  invalid_prompt = 400, context_length_exceeded = 400, data_residency_mismatch = 400,
  bio_policy = 400, misalignment_policy_violation = 400, vector_store_timeout = 504,
  invalid_image = 400, invalid_image_format = 400, invalid_base64_image = 400,
  invalid_image_url = 400, image_too_large = 400, image_too_small = 400, image_parse_error = 400,
  image_content_policy_violation = 400, invalid_image_mode = 400, image_file_too_large = 400,
  unsupported_image_media_type = 400, empty_image_file = 400, failed_to_download_image = 400,
  image_file_not_found = 400,
}

--- What an error says of itself, wherever it stands in `body`.
---@return { message: string?, type: string?, code: string|integer|nil }
local function said_by(body)
  if json.is_array(body) then body = reading.object(body[1]) or {} end -- some gateways wrap it
  local err = body.error
  if type(err) == "string" then return { message = err } end
  err = reading.object(err) or body
  local code = err.code
  if type(code) ~= "string" and math.type(code) ~= "integer" then code = nil end
  local kind = reading.text(err.type)
  return { message = reading.text(err.message) or reading.text(body.detail),
    type = kind ~= "error" and kind or nil, code = code }
end

--- Whether a decoded event is an error and not a part of a reply.
---@param event table
---@return boolean
function openai.is_error(event)
  return event.error ~= nil and event.error ~= json.null or event.object == "error"
end

--- Ends the stream with the error that `event` is.
---@param state table
---@param event table
---@return DialectEvent[]
function openai.refused(state, event)
  local said = said_by(event)
  local status = math.type(said.code) == "integer" and said.code or STATUS_OF[said.code]
    or STATUS_OF[said.type] or 500
  if status < 400 or status > 599 then status = 500 end
  local kind = said.type or reading.text(said.code)
  return reading.refused(state, status,
    { type = kind, message = said.message, final = FINAL[said.code] or FINAL[said.type] })
end

--- The error for an answer that is not a stream of events.
---@param status  integer
---@param headers table<string, string> names in lower case
---@param body    string
---@return Failure
function openai.failure(status, headers, body)
  local said = said_by(reading.object(json.decode(body)) or {})
  local err = failure.from_status(status, headers, { type = said.type,
    message = said.message or body, final = FINAL[said.code] or FINAL[said.type] })
  err.details.reason = reading.text(said.code)
  err.retryable = err.retryable or ANOTHER_TRY[said.code] or false
  err.details.request_id = headers["x-request-id"]
  return reading.no_stream(err, status, headers, body)
end

--- Takes a usage object into `state`, which may have counted `searches` and `code_runs`; what the
--- cache read or wrote is part of the prompt's count on this wire, and not of ours.
---@param state   table
---@param prompt  any tokens of the prompt
---@param output  any
---@param details any of the prompt: cached_tokens, cache_write_tokens
---@param usd?    any what the server says that it cost
---@return DialectEvent[]
function openai.usage(state, prompt, output, details, usd)
  local raw = state.counted or {}
  state.counted = raw
  details = reading.object(details) or {}
  reading.count(raw, "prompt", prompt)
  reading.count(raw, "output", output)
  reading.count(raw, "cache_read", details.cached_tokens)
  reading.count(raw, "cache_write", details.cache_write_tokens)
  if not next(raw) then return {} end
  if type(usd) == "number" and usd >= 0 and usd < math.huge then
    raw.usd = math.max(raw.usd or 0, usd)
  end
  local input = raw.prompt and raw.prompt - (raw.cache_read or 0) - (raw.cache_write or 0)
  state.usage = { input = input and math.max(input, 0), output = raw.output,
    cache_read = raw.cache_read, cache_write = raw.cache_write, searches = state.searches,
    code_runs = state.code_runs, usd = raw.usd }
  return { { kind = "usage", usage = state.usage } }
end

local FAILED <const> = "[error] " -- before the text of a failed call: the wire has no mark for it

--- The text of a call's result.
---@param block Block
---@return string
function openai.result_text(block)
  local text = block.text ~= "" and block.text or "(no output)"
  return block.error and FAILED .. text or text
end

--- The result that a text was made of, for the other side of the wire.
---@param text string
---@return { text: string, error: boolean? }
function openai.read_result(text)
  if text:sub(1, #FAILED) ~= FAILED then return { text = text } end
  return { text = text:sub(#FAILED + 1), error = true }
end

--- An error as a server of this kind answers it.
---@param message string
---@return table
function openai.error(message)
  return json.object { { "error", json.object { { "message", message },
    { "type", "invalid_request_error" }, { "param", json.null }, { "code", json.null } } } }
end

return openai
