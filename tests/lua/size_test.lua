local size = require "lib.size"
local t    = require "lib.test"

t.test("sizes are bytes, or a number with a unit of 1024", function()
  for written, bytes in pairs {
    ["65536"] = 65536, ["4096M"] = 4096 << 20, ["1G"] = 1 << 30, ["1.5G"] = 3 << 29, ["2k"] = 2048,
    ["16 MiB"] = 16 << 20, ["10KB"] = 10240, ["7B"] = 7, ["0"] = 0, ["1024T"] = 1 << 50,
  } do
    t.equal(size.parse(written), bytes, written)
  end
  t.equal(size.parse(512), 512)
end)

t.test("what is no size is refused with what to write", function()
  for _, written in ipairs {
    "", "M", "12X", "-1", "1.5", "1e3", "0x10", "1G1M", "4096Mi", " 1G", "1G\n", "1025T",
    "999999999999999999999", 1.5, {}, true, -3,
  } do
    local bytes, err = size.parse(written)
    t.equal(bytes, nil, tostring(written))
    t.contains(err.message, "4096M")
  end
end)

t.test("sizes in words lose nothing", function()
  for bytes, words in pairs {
    [1 << 30] = "1G", [3 << 29] = "1536M", [100] = "100 bytes", [1025] = "1025 bytes",
    [2048] = "2K", [4096 << 20] = "4G", [0] = "0 bytes",
  } do
    t.equal(size.words(bytes), words)
  end
end)

return t
