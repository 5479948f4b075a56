--- In which charset bytes from the web are written: by their byte order mark, by what the server
--- says, by what the page says of itself (HTML Standard, section 13.2.3). Labels are those of the
--- Encoding Standard (as of 2026), names those of iconv(3). Pure.
local charset = {}

local PRESCAN <const> = 1024 -- bytes in which a page has to say it

local MARKS <const> = {
  { "\xEF\xBB\xBF", "UTF-8" }, { "\xFE\xFF", "UTF-16BE" }, { "\xFF\xFE", "UTF-16LE" },
}

--- iconv's name | labels. What calls itself Latin-1 or ASCII is taken for windows-1252, and so on:
--- a superset, in which more of what is really sent can be read.
local LABELS <const> = {
  ["UTF-8"] = "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
  ["UTF-16LE"] = "utf-16 utf-16le ucs-2 csunicode iso-10646-ucs-2 unicode unicodefeff",
  ["UTF-16BE"] = "utf-16be unicodefffe",
  CP1252 = "windows-1252 cp1252 x-cp1252 ascii us-ascii ansi_x3.4-1968 iso-8859-1 iso8859-1 "
    .. "iso88591 iso_8859-1 iso_8859-1:1987 latin1 l1 cp819 ibm819 iso-ir-100 csisolatin1",
  ["ISO-8859-2"] = "iso-8859-2 iso8859-2 iso88592 iso_8859-2 latin2 l2 iso-ir-101 csisolatin2",
  ["ISO-8859-3"] = "iso-8859-3 iso8859-3 iso88593 iso_8859-3 latin3 l3 iso-ir-109 csisolatin3",
  ["ISO-8859-4"] = "iso-8859-4 iso8859-4 iso88594 iso_8859-4 latin4 l4 iso-ir-110 csisolatin4",
  ["ISO-8859-5"] = "iso-8859-5 iso8859-5 iso88595 iso_8859-5 cyrillic iso-ir-144 "
    .. "csisolatincyrillic",
  ["ISO-8859-6"] = "iso-8859-6 iso8859-6 iso88596 iso_8859-6 arabic asmo-708 ecma-114 iso-ir-127 "
    .. "iso-8859-6-e iso-8859-6-i csisolatinarabic",
  ["ISO-8859-7"] = "iso-8859-7 iso8859-7 iso88597 iso_8859-7 greek greek8 elot_928 ecma-118 "
    .. "iso-ir-126 sun_eu_greek csisolatingreek",
  ["ISO-8859-8"] = "iso-8859-8 iso8859-8 iso88598 iso_8859-8 hebrew visual iso-8859-8-e "
    .. "iso-8859-8-i logical iso-ir-138 csisolatinhebrew",
  ["ISO-8859-10"] = "iso-8859-10 iso8859-10 iso885910 latin6 l6 iso-ir-157 csisolatin6",
  ["ISO-8859-13"] = "iso-8859-13 iso8859-13 iso885913",
  ["ISO-8859-14"] = "iso-8859-14 iso8859-14 iso885914",
  ["ISO-8859-15"] = "iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 csisolatin9",
  ["ISO-8859-16"] = "iso-8859-16",
  CP866 = "ibm866 866 cp866 csibm866",
  CP874 = "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620",
  CP1250 = "windows-1250 cp1250 x-cp1250",
  CP1251 = "windows-1251 cp1251 x-cp1251",
  CP1253 = "windows-1253 cp1253 x-cp1253",
  CP1254 = "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 iso88599 iso_8859-9 latin5 l5 "
    .. "iso-ir-148 csisolatin5",
  CP1255 = "windows-1255 cp1255 x-cp1255",
  CP1256 = "windows-1256 cp1256 x-cp1256",
  CP1257 = "windows-1257 cp1257 x-cp1257",
  CP1258 = "windows-1258 cp1258 x-cp1258",
  ["KOI8-R"] = "koi8-r koi8 koi koi8_r cskoi8r",
  ["KOI8-U"] = "koi8-u koi8-ru",
  MACINTOSH = "macintosh mac x-mac-roman csmacintosh",
  ["MAC-CYRILLIC"] = "x-mac-cyrillic x-mac-ukrainian",
  GB18030 = "gb18030 gbk gb2312 gb_2312 gb_2312-80 x-gbk chinese csgb2312 csiso58gb231280 "
    .. "iso-ir-58",
  ["BIG5-HKSCS"] = "big5 big5-hkscs cn-big5 x-x-big5 csbig5",
  ["EUC-JP"] = "euc-jp x-euc-jp cseucpkdfmtjapanese",
  ["ISO-2022-JP"] = "iso-2022-jp csiso2022jp",
  CP932 = "shift_jis shift-jis sjis x-sjis ms932 ms_kanji windows-31j csshiftjis",
  CP949 = "euc-kr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 iso-ir-149 "
    .. "csksc56011987 windows-949",
}

local NAMES <const> = {}
for name, labels in pairs(LABELS) do
  for label in labels:gmatch("%S+") do NAMES[label] = name end
end

--- iconv's name for a label; nil for one that nobody knows.
---@param label string
---@return string? name
function charset.named(label) return NAMES[label:lower():match("^%s*(.-)%s*$")] end

--- A media type, and the charset that its header names.
---@param header string? "text/html; charset=utf-8"
---@return string kind "text/html", or "" @return string? name
function charset.of_header(header)
  local kind, rest = (header or ""):match("^%s*([^;,%s]*)(.*)$")
  local label = rest:lower():match("charset%s*=%s*[\"']?([^%s\"';,]+)")
  return kind:lower(), label and charset.named(label)
end

--- What a page says of itself, in <meta> or in an XML declaration.
local function of_page(bytes)
  local head = bytes:sub(1, PRESCAN)
  local label = head:lower():match("<meta[^>]-charset%s*=%s*[\"']?%s*([%w_:.-]+)")
    or head:match("^<%?xml[^>]-encoding%s*=%s*[\"']([%w_:.-]+)")
  local name = label and charset.named(label)
  -- It was found byte by byte, so it cannot be what it says.
  return name and name:find("^UTF%-16") and "UTF-8" or name
end

--- The charset of bytes, and how many of them are a mark of it.
---@param bytes   string
---@param said?   string by the server: a name
---@param is_page boolean
---@return string name, integer mark
function charset.of(bytes, said, is_page)
  for _, mark in ipairs(MARKS) do
    if bytes:sub(1, #mark[1]) == mark[1] then return mark[2], #mark[1] end
  end
  local name = said or is_page and of_page(bytes) or nil
  return name or utf8.len(bytes) and "UTF-8" or "CP1252", 0
end

return charset
