--- In which charset bytes from the web are written, and parts of addresses.
local charset = require "lib.charset"
local url     = require "lib.url"
local t       = require "lib.test"

--- header | kind | charset
for _, case in ipairs {
  { nil, "", nil }, { "", "", nil }, { "text/html", "text/html", nil },
  { "Text/HTML; Charset=UTF-8", "text/html", "UTF-8" },
  { " text/html;charset=\"iso-8859-1\"", "text/html", "CP1252" },
  { "text/plain; a=b; charset='gb2312'; c", "text/plain", "GB18030" },
  { "text/html; charset=no-such", "text/html", nil }, { "; charset=utf-8", "", "UTF-8" },
  { "text/html, text/plain", "text/html", nil },
} do
  local header, kind, name = case[1], case[2], case[3]
  t.test(("the header %s"):format(header or "that is missing"), function()
    t.equal({ charset.of_header(header) }, { kind, name })
  end)
end

--- what | bytes | said by the server | is a page | charset | bytes of a mark
for _, case in ipairs {
  { "ASCII is UTF-8", "abc", nil, false, "UTF-8", 0 },
  { "UTF-8 is known by itself", "\u{fc}", nil, false, "UTF-8", 0 },
  { "what is no UTF-8 is the one that most of it was", "\xFC", nil, true, "CP1252", 0 },
  { "the server's word", "\u{fc}", "CP1254", true, "CP1254", 0 },
  { "a mark beats the server", "\xEF\xBB\xBFx", "CP1254", true, "UTF-8", 3 },
  { "big ends first", "\xFE\xFF\0x", nil, false, "UTF-16BE", 2 },
  { "little ends first", "\xFF\xFEx\0", nil, false, "UTF-16LE", 2 },
  { "the page's own word", "<meta charset=koi8-r>", nil, true, "KOI8-R", 0 },
  { "in its older form", "<META http-equiv=x content='text/html; charset=EUC-JP'>", nil, true, "EUC-JP", 0 },
  { "in quotes and blanks", "<meta charset = \" Windows-1250 \">", nil, true, "CP1250", 0 },
  { "of XML", "<?xml version='1.0' encoding='iso-8859-2'?>", nil, true, "ISO-8859-2", 0 },
  { "of a page only", "<meta charset=koi8-r>", nil, false, "UTF-8", 0 },
  { "not far down", (" "):rep(2000) .. "<meta charset=koi8-r>", nil, true, "UTF-8", 0 },
  { "UTF-16 that was read by bytes is none", "<meta charset=utf-16>", nil, true, "UTF-8", 0 },
  { "one that nobody knows", "<meta charset=x-user-defined>", nil, true, "UTF-8", 0 },
} do
  local what, bytes, said, is_page, name, mark = table.unpack(case, 1, 6)
  t.test("charset: " .. what, function()
    t.equal({ charset.of(bytes, said, is_page) }, { name, mark })
  end)
end

t.test("a label is known whatever its case and the blanks around it", function()
  t.equal(charset.named(" SJIS\n"), "CP932")
  t.equal(charset.named("sjis2"), nil)
end)

t.test("a query keeps the order of its fields and the meaning of its values", function()
  t.equal(url.query { { "q", "a b&c=d/\u{fc}?" }, { "n", 3 } }, "?q=a%20b%26c%3Dd%2F%C3%BC%3F&n=3")
  t.equal(url.query {}, "?")
end)

return t
