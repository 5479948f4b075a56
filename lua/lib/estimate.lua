--- What a request to a model may come to, before it is sent: tokens of what goes in, and dollars of
--- it with the longest reply. Errs on the side of too much; pure.
---
--- A conversation keeps in `measured` what its last request came to, in bytes here and in tokens
--- there: only what was added since is a guess then.
local estimate = {}

local BYTES_A_TOKEN <const> = 3 -- text and code take more of them
local USD_MOST      <const> = 1000000 * 1000000 -- a million dollars: beyond, sums would overflow
local IMAGE_TOKENS  <const> = 5000 -- more than any provider counts for an image that it takes

--- What a request comes to before its messages.
local function head_of(request)
  local bytes = #(request.system or "")
  for _, tool in ipairs(request.tools or {}) do
    bytes = bytes + #tool.name + #(tool.description or "") + #tool.schema
  end
  return { of = request.messages, count = 0, bytes = bytes, images = 0 }
end

--- Bytes of a request as text, and what its images are taken for. The sums so far stay in the
--- request: of a list that has grown only what is new is looked at.
---@param request table system, tools, messages (fragments)
---@param log     Message[] the messages that the fragments stand for
---@return integer bytes, integer images in tokens
local function size(request, log)
  local sums, messages = request.sums, request.messages
  if not sums or sums.of ~= messages then sums = head_of(request) end
  for i = sums.count + 1, #messages do
    sums.bytes = sums.bytes + #messages[i]
    for _, block in ipairs(log[i].content) do
      for _, image in ipairs(block.images or {}) do
        sums.bytes, sums.images = sums.bytes - #image.data, sums.images + IMAGE_TOKENS
      end
    end
  end
  sums.count, request.sums = #messages, sums
  return math.max(sums.bytes, 0), sums.images
end

---@class estimate.Measured what an earlier request of a conversation was
---@field bytes  integer
---@field images integer tokens that its images were taken for
---@field tokens integer as the server counted them

--- Tokens of what goes in; and its size, which with the count of the server is what was measured.
---@param request   table
---@param log       Message[]
---@param measured? estimate.Measured
---@return integer tokens, { bytes: integer, images: integer } size
function estimate.input(request, log, measured)
  local bytes, images = size(request, log)
  local now = { bytes = bytes, images = images }
  if not measured then return math.ceil(bytes / BYTES_A_TOKEN) + images, now end
  if bytes < measured.bytes or images < measured.images then -- something was taken out since
    local share = measured.bytes > 0 and math.min(1, bytes / measured.bytes) or 1
    return math.ceil(measured.tokens * share) + images, now
  end
  return measured.tokens + math.ceil((bytes - measured.bytes) / BYTES_A_TOKEN)
    + images - measured.images, now
end

--- Tokens of what was said so far.
---@param bytes integer
---@return integer tokens
function estimate.said(bytes) return math.ceil(bytes / BYTES_A_TOKEN) end

--- All tokens that a server counted for a request and its reply.
---@param usage Usage
---@return integer tokens
function estimate.counted(usage)
  return (usage.input or 0) + (usage.output or 0) + (usage.cache_read or 0)
    + (usage.cache_write or 0)
end

local MILLION <const> = 1000000

--- Millionths of a millionth of a dollar for a token; whole, so that nothing is lost in adding up.
local function per_token(dollars) return math.floor(dollars * MILLION + 0.5) end

--- Prices for a prompt so long at their dearest: nothing of it was cached before.
local function prices_of(target, input)
  local prices = target.prices
  if prices.above and input > prices.above.tokens then prices = prices.above end
  return per_token(math.max(prices.input, prices.cache_write or 0)), per_token(prices.output)
end

--- The most that a request may cost, in millionths of a dollar, whole; the target has prices.
---@param target model.Target
---@param input  integer tokens
---@param output integer tokens
---@return integer usd
function estimate.usd(target, input, output)
  local for_input, for_output = prices_of(target, input)
  return (input * for_input + output * for_output + MILLION - 1) // MILLION
end

--- How long a reply may be for `usd` millionths of a dollar; below 0 where the prompt alone costs
--- more.
---@param target model.Target
---@param input  integer tokens
---@param usd    integer
---@return integer output tokens
function estimate.output(target, input, usd)
  local for_input, for_output = prices_of(target, input)
  local rest = math.min(usd, USD_MOST) * MILLION - input * for_input
  if for_output == 0 then return rest >= 0 and math.maxinteger or -1 end
  return rest // for_output
end

return estimate
