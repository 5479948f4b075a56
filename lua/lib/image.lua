--- Images that models can see: known by their first bytes, measured, and within what the Messages
--- API takes. Pure.
---
--- The four media types and the form in a tool_result: @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20),
--- resources/messages. 8,000 pixels a side, 2,000 where a request holds more than 20 images, 32 MB
--- a request: platform.claude.com/docs/en/build-with-claude/vision. 5 MiB of base64 an image is
--- what the API's refusals name; an image over a bound spoils every later request of a talk.
local image = {}

local BASE64_MOST <const> = 5 * 1024 * 1024
local SIDE_MOST   <const> = 8000 -- pixels

image.BYTES_MOST = BASE64_MOST // 4 * 3

local function u16be(s, at) return (">I2"):unpack(s, at) end

--- From marker to marker to the frame's (ITU T.81, B.1.1): SOF0 to SOF15 without DHT, JPG and DAC.
local function jpeg_size(s)
  local at = 3
  while at + 8 <= #s do
    if s:byte(at) ~= 0xFF then return nil end
    local marker = s:byte(at + 1)
    if marker == 0xFF then -- a fill byte
      at = at + 1
    elseif marker == 0x01 or marker >= 0xD0 and marker <= 0xD8 then
      at = at + 2
    elseif marker >= 0xC0 and marker <= 0xCF
      and marker ~= 0xC4 and marker ~= 0xC8 and marker ~= 0xCC then
      return u16be(s, at + 7), u16be(s, at + 5)
    else
      if marker == 0xD9 or marker == 0xDA then return nil end
      at = at + 2 + u16be(s, at + 2)
    end
  end
end

--- RFC 9649: a lossy frame, a lossless one, or the extended form's canvas.
local function webp_size(s)
  if #s < 30 then return nil end
  local kind = s:sub(13, 16)
  if kind == "VP8 " and s:sub(24, 26) == "\x9D\x01\x2A" then
    return ("<I2"):unpack(s, 27) & 0x3FFF, ("<I2"):unpack(s, 29) & 0x3FFF
  elseif kind == "VP8L" and s:byte(21) == 0x2F then
    local bits = ("<I4"):unpack(s, 22)
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
  elseif kind == "VP8X" then
    return ("<I3"):unpack(s, 25) + 1, ("<I3"):unpack(s, 28) + 1
  end
end

local KINDS <const> = {
  { name = "PNG image", media_type = "image/png", fits = "^\x89PNG\r\n\x1a\n",
    size = function(s)
      if #s < 24 or s:sub(13, 16) ~= "IHDR" then return nil end
      return (">I4I4"):unpack(s, 17)
    end },
  { name = "JPEG image", media_type = "image/jpeg", fits = "^\xFF\xD8\xFF", size = jpeg_size },
  { name = "GIF image", media_type = "image/gif", fits = "^GIF8[79]a",
    size = function(s)
      if #s < 10 then return nil end
      return ("<I2I2"):unpack(s, 7)
    end },
  { name = "WebP image", media_type = "image/webp", fits = "^RIFF....WEBP", size = webp_size },
}

---@class image.Facts
---@field name       string  "PNG image"
---@field media_type string
---@field width?     integer pixels; nil where the file does not say
---@field height?    integer
---@field refused?   string  why no model is shown it: a clause

--- What kind of image the bytes are; nil for anything else.
---@param bytes string
---@return image.Facts? facts
function image.look(bytes)
  for _, kind in ipairs(KINDS) do
    if bytes:find(kind.fits) then
      local width, height = kind.size(bytes)
      local facts = { name = kind.name, media_type = kind.media_type, width = width,
        height = height }
      if not width or width == 0 or height == 0 then
        facts.refused = "it is damaged: its size in pixels cannot be found"
      elseif width > SIDE_MOST or height > SIDE_MOST then
        facts.refused = ("a side is longer than %d pixels"):format(SIDE_MOST)
      elseif #bytes > image.BYTES_MOST then
        facts.refused = ("it is larger than %d bytes"):format(image.BYTES_MOST)
      end
      return facts
    end
  end
end

return image
