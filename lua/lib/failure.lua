--- From an HTTP status and its headers to an error that the turn loop can act on, for all dialects.
--- Pure: a date in `retry-after` is measured against the answer's own `date`; where it has none the
--- date itself is answered (`retry_at_ms`), and whoever has a clock looks at it.
local failure = {}

local LONGEST_QUOTE <const> = 300 -- bytes of the server's own words that go into a message

--- What a status means here; what is missing is decided by its hundred.
local MEANING <const> = {
  [400] = { code = "invalid" },
  [401] = { code = "denied", help = "check the key" },
  [402] = { code = "limit", help = "the account cannot pay" },
  [403] = { code = "denied", help = "the key may not use this" },
  [404] = { code = "not_found", help = "check the model's name and the base URL" },
  [407] = { code = "denied", help = "the proxy wants a user and a password; they stand in its "
    .. "address, as in http_proxy=http://USER:PASSWORD@HOST:PORT" },
  [408] = { code = "timeout", retryable = true },
  [409] = { code = "unavailable", retryable = true },
  [413] = { code = "limit", help = "the request is too large" },
  [422] = { code = "invalid" },
  [429] = { code = "unavailable", retryable = true },
  [499] = { code = "cancelled" },
}
local SERVER_SIDE <const> = { code = "unavailable", retryable = true } -- 5xx, 529 (overloaded) too
local CLIENT_SIDE <const> = { code = "invalid" }                       -- other 4xx
local UNEXPECTED <const> = { code = "protocol" }                       -- 1xx to 3xx: no reply

---@class Failure
---@field code string one of the codes of status.h
---@field message string one line
---@field retryable boolean
---@field details table status, type, retry_after_ms or retry_at_ms (Unix ms; only where nobody can
---  tell how long that is), and what the dialect adds; `busy` where the
---  server has too much to do now and fewer requests at a time would help; `in_stream` where the
---  error came as an event of a stream

local TOO_MUCH <const> = { [429] = true, [529] = true }

--- Where a redirect leads, as far as it is shown: scheme, host and port.
local function elsewhere(status, headers)
  local place = status < 400 and headers.location
  if not place then return nil end
  local origin = place:match("^%a[%w+.-]*://[^/?#%s]+")
  return ("the server points to %s, and no redirect is followed, so that the key goes nowhere else;"
    .. " where that is the right server, set its base URL"):format(
    origin and failure.quote(origin:gsub("//.*@", "//")) or "another place of its own")
end

--- The error for an answer with `status`.
---@param status integer
---@param headers table<string, string>? names in lower case
---@param said { message: string?, type: string?, final: boolean? } what the body says;
---  `final` when waiting will not help
---@return Failure
function failure.from_status(status, headers, said)
  headers = headers or {}
  local meaning = MEANING[status] or status >= 500 and SERVER_SIDE
    or status >= 400 and CLIENT_SIDE or UNEXPECTED
  local retryable = meaning.retryable == true and not said.final
  if headers["x-should-retry"] == "true" then retryable = true end
  if headers["x-should-retry"] == "false" then retryable = false end

  local parts = { ("HTTP %d"):format(status) }
  if said.type then parts[1] = parts[1] .. " " .. said.type end
  if said.message and said.message ~= "" then parts[#parts + 1] = failure.quote(said.message) end
  local message = table.concat(parts, ": ")
  local help = meaning.help or meaning == UNEXPECTED and elsewhere(status, headers)
  if help then message = message .. "; " .. help end
  return {
    code = said.final and meaning.code == "unavailable" and "limit" or meaning.code,
    message = message,
    retryable = retryable,
    details = {
      status = status, type = said.type, retry_after_ms = failure.retry_after_ms(headers),
      retry_at_ms = failure.retry_at_ms(headers),
      busy = TOO_MUCH[status] and not said.final or nil,
    },
  }
end

--- How long the server asks us to wait; nil when it does not say, or says nonsense.
---@param headers table<string, string>
---@return integer? ms
function failure.retry_after_ms(headers)
  local ms = tonumber(headers["retry-after-ms"])
  if not ms then
    local after = headers["retry-after"]
    local seconds = tonumber(after)
    if not seconds and after then
      local till, now = failure.seconds_of_date(after), failure.seconds_of_date(headers.date or "")
      seconds = till and now and till - now
    end
    ms = seconds and seconds * 1000
  end
  if not ms or ms ~= ms or ms < 0 or ms > 86400000 then return nil end
  return math.ceil(ms)
end

--- When the server wants to be asked again, where it names a date and does not say what time it is.
---@param headers table<string, string>
---@return integer? ms Unix time
function failure.retry_at_ms(headers)
  if tonumber(headers["retry-after-ms"]) or failure.seconds_of_date(headers.date or "") then
    return nil
  end
  local till = failure.seconds_of_date(headers["retry-after"] or "")
  return till and till * 1000
end

local MONTHS <const> = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6,
  Jul = 7, Aug = 8, Sep = 9, Oct = 10, Nov = 11, Dec = 12 }

--- Seconds since 1970 of "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7), or nil.
---@param text string
---@return integer?
function failure.seconds_of_date(text)
  local day, name, year, hour, minute, second =
    text:match("^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  local month = MONTHS[name]
  if not month then return nil end
  -- Days from civil date: years begin in March, so that the leap day comes last.
  local y = tonumber(year) - (month <= 2 and 1 or 0)
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + tonumber(day) - 1
  local days = 365 * y + y // 4 - y // 100 + y // 400 + of_year - 719468
  return days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

--- Someone else's words, fit for one line of ours: valid UTF-8, no line ends, not long. An HTML
--- page is reduced to its title.
---@param text string
---@return string
function failure.quote(text)
  if not utf8.len(text) then text = text:gsub("[\128-\255]", "?") end
  if text:find("^%s*<") then
    local title = text:sub(1, 4096):match("<[Tt][Ii][Tt][Ll][Ee][^>]*>%s*([^<]-)%s*<")
    text = title and title ~= "" and ("an HTML page, %q"):format(title) or "an HTML page"
  end
  text = text:gsub("[%c%s]+", " "):gsub("^ ", ""):gsub(" $", "")
  if #text <= LONGEST_QUOTE then return text end
  local last = LONGEST_QUOTE
  while text:byte(last + 1) & 0xC0 == 0x80 do last = last - 1 end -- not inside a code point
  return text:sub(1, last) .. "..."
end

return failure
