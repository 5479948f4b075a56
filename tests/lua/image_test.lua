--- lua/lib/image.lua, lua/lib/sight.lua that says which images are sent, and lua/lib/base64.lua.
local base64 = require "lib.base64"
local image  = require "lib.image"
local sight  = require "lib.sight"
local t      = require "lib.test"

local PNG <const> = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" .. (">I4I4"):pack(640, 480)
local JPEG <const> = "\xFF\xD8\xFF\xE0" .. (">I2"):pack(16) .. ("\0"):rep(14)
  .. "\xFF\xFF\xC2" .. (">I2I1I2I2"):pack(17, 8, 480, 640) .. ("\0"):rep(20)
local GIF <const> = "GIF89a" .. ("<I2I2"):pack(640, 480)
local function webp(chunk) return "RIFF\0\0\0\0WEBP" .. chunk .. ("\0"):rep(20) end

t.test("the four kinds that the API takes are known by their bytes, and measured", function()
  local cases = {
    { PNG, "image/png" }, { JPEG, "image/jpeg" }, { GIF, "image/gif" },
    { webp("VP8 \0\0\0\0\0\0\0\x9D\x01\x2A" .. ("<I2I2"):pack(640, 480 | 0x4000)), "image/webp" },
    { webp("VP8L\0\0\0\0\x2F" .. ("<I4"):pack(639 | 479 << 14)), "image/webp" },
    { webp("VP8X\0\0\0\0\0\0\0\0" .. ("<I3I3"):pack(639, 479)), "image/webp" },
  }
  for i, case in ipairs(cases) do
    local facts = image.look(case[1])
    t.truthy(facts, "case " .. i)
    t.equal({ facts.media_type, facts.width, facts.height, facts.refused }, { case[2], 640, 480 }, "case " .. i)
  end
  t.equal(image.look("plain text"), nil)
  t.equal(image.look("RIFF\0\0\0\0WAVE"), nil)
  t.equal(image.look(""), nil)
end)

t.test("every prefix of an image is an image, damaged, or nothing, and never an error", function()
  for _, whole in ipairs { PNG, JPEG, GIF, webp("VP8 "), webp("VP8L"), webp("VP8X") } do
    for length = 0, #whole do
      local facts = image.look(whole:sub(1, length))
      t.truthy(not facts or facts.width or facts.refused)
    end
  end
end)

t.test("what the API would refuse is refused before", function()
  t.contains(image.look("GIF89a" .. ("<I2I2"):pack(8001, 1)).refused, "8000 pixels")
  t.contains(image.look("GIF89a" .. ("<I2I2"):pack(0, 1)).refused, "damaged")
  t.contains(image.look(PNG .. ("x"):rep(image.BYTES_MOST)).refused, "larger than")
  t.equal(image.look(PNG .. ("x"):rep(image.BYTES_MOST - #PNG)).refused, nil)
end)

t.test("base64 as RFC 4648 has it", function()
  for plain, coded in pairs { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
    fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\xFF\xFE\xFD"] = "//79", ["\0\0\0"] = "AAAA" } do
    t.equal(base64.encode(plain), coded)
  end
  t.equal(base64.encode(("foo"):rep(2500)), ("Zm9v"):rep(2500))
  t.equal(#base64.encode(("x"):rep(image.BYTES_MOST)), 5 * 1024 * 1024)
end)

local function result(count, data)
  local images = {}
  for i = 1, count do images[i] = { media_type = "image/png", data = data or "AAAA" } end
  return { text = "seen", images = images }
end

t.test("a model that cannot see is given words", function()
  local said, images = sight.of(result(1), {}, false)
  t.equal(images, nil)
  t.contains(said, "reads text only")
  t.equal({ sight.of({ text = "plain" }, {}, false) }, { "plain" })
end)

t.test("a conversation shows as many images as a request can take, and says what it left out", function()
  local shown = {}
  for _ = 1, 19 do t.equal(#select(2, sight.of(result(1), shown, true)), 1) end
  local said, images = sight.of(result(3), shown, true)
  t.equal(#images, 1)
  t.contains(said, "2 images are not shown")
  said, images = sight.of(result(1), shown, true)
  t.equal(images, nil)
  t.contains(said, "1 image is not shown")
  local big = ("x"):rep(5 * 1024 * 1024)
  shown = {}
  for _ = 1, 4 do t.equal(#select(2, sight.of(result(1, big), shown, true)), 1) end
  t.equal(select(2, sight.of(result(1, big), shown, true)), nil)
end)

return t
