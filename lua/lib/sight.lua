--- Which images of a call's result a model is shown. One that a request cannot take would spoil
--- every later request of the conversation too, so it is left out here, and the text says so.
local text = require "lib.text"

local sight = {}

-- Of one conversation. lib/image.lua names where the API's bounds stand; with more images than this
-- in a request, each may be only a quarter as long and wide.
local IMAGES_MOST <const> = 20
local BASE64_MOST <const> = 20 * 1024 * 1024 -- of the 32 MB of a request

---@class sight.Shown what a conversation has shown so far; {} at its beginning
---@field count? integer
---@field bytes? integer of base64

--- The text and images of a result as they are sent.
---@param result CallResult
---@param shown  sight.Shown kept by the caller, changed here
---@param sees   boolean     whether the model can see at all
---@return string text
---@return { media_type: string, data: string }[]? images
function sight.of(result, shown, sees)
  if not result.images or #result.images == 0 then return result.text, result.images end
  if not sees then
    return result.text .. "\n[not shown: this model reads text only]"
  end
  local kept, left = {}, 0
  for _, image in ipairs(result.images) do
    local count, bytes = (shown.count or 0) + 1, (shown.bytes or 0) + #image.data
    if count > IMAGES_MOST or bytes > BASE64_MOST then
      left = left + 1
    else
      shown.count, shown.bytes, kept[#kept + 1] = count, bytes, image
    end
  end
  if left == 0 then return result.text, kept end
  return ("%s\n[%s not shown: this conversation holds as many as one request can take]"):format(
    result.text, text.plural(left, "image is", "images are")), #kept > 0 and kept or nil
end

return sight
