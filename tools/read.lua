--- Reads a text file or a part of it, shows an image, or lists a folder.
local base64   = require "lib.base64"
local encoding = require "lib.encoding"
local filename = require "lib.filename"
local image    = require "lib.image"
local schema   = require "lib.schema"
local text     = require "lib.text"

local FILE_MOST    <const> = 8000000  -- bytes that are read
local BYTES_MOST   <const> = 60000    -- of the answer
local LINE_MOST    <const> = 2000     -- bytes of one line that are shown
local ENTRIES_MOST <const> = 1000

local SIGNATURES <const> = { -- first bytes of what people keep beside text
  { "%PDF-", "PDF document" }, { "PK\x03\x04", "ZIP archive" }, { "\x1F\x8B", "gzip archive" },
  { "BZh", "bzip2 archive" }, { "\xFD7zXZ\0", "xz archive" },
  { "\x28\xB5\x2F\xFD", "zstd archive" }, { "7z\xBC\xAF\x27\x1C", "7z archive" },
  { "\x7FELF", "ELF program" },
  { "SQLite format 3\0", "SQLite database" }, { "\0asm", "WebAssembly module" },
  { "\xCA\xFE\xBA\xBE", "Java class or Mach-O program" }, { "OggS", "Ogg media" },
  { "wOFF", "WOFF font" }, { "wOF2", "WOFF2 font" },
}

--- What a file is that is known by its first bytes and is no text.
local function kind_of(bytes)
  for _, signature in ipairs(SIGNATURES) do
    if bytes:sub(1, #signature[1]) == signature[1] then return signature[2] end
  end
end

local function show_folder(path, entries)
  if #entries == 0 then return path .. " is an empty folder." end
  local lines = {}
  for i = 1, math.min(#entries, ENTRIES_MOST) do
    local entry = entries[i]
    local mark = entry.masked and " (masked)"
      or entry.kind == "folder" and "/" or entry.kind == "link" and " (link)"
      or entry.kind == "other" and " (no file)" or (" (%s)"):format(text.plural(entry.size, "byte"))
    lines[i] = filename.shown(entry.name) .. mark
  end
  local more = #entries - #lines
  if more > 0 then
    local rest = text.plural(more, "more entry", "more entries")
    lines[#lines + 1] = ("[... %s left out ...]"):format(rest)
  end
  return text.cut_middle(table.concat(lines, "\n"), BYTES_MOST)
end

--- One line, with its number where that was asked for; a long one is cut.
local function shown_line(number, line, numbers)
  if #line > LINE_MOST then
    local head = text.cut_end(line, LINE_MOST)
    line = ("%s [... %d bytes left out ...]"):format(head, #line - #head)
  end
  return numbers and ("%6d\t%s"):format(number, line) or line
end

--- The lines from `first` to `last`. Where they are too many, the middle is left out and
--- the note says how to read it.
local function show_lines(lines, first, last, numbers)
  local shown, bytes = {}, 0
  for i = first, last do
    local line = shown_line(i, lines[i], numbers)
    shown[#shown + 1], bytes = line, bytes + #line + 1
  end
  if bytes <= BYTES_MOST then return table.concat(shown, "\n") end

  local head, tail, used = 0, #shown + 1, 0
  while head + 1 < tail do -- from both ends by turns, until the room is used
    local at = head <= #shown - tail and head + 1 or tail - 1
    if used + #shown[at] + 1 > BYTES_MOST then break end
    used = used + #shown[at] + 1
    if at == head + 1 then head = at else tail = at end
  end
  local from, to = first + head, first + tail - 2
  local note = ("[... lines %d to %d left out; read them with offset=%d limit=%d ...]")
    :format(from, to, from, to - from + 1)
  return table.concat(shown, "\n", 1, head) .. "\n" .. note .. "\n"
    .. table.concat(shown, "\n", tail, #shown)
end

--- What the lines themselves cannot show.
local function remarks(s, form, wrong, last, total)
  local said = {}
  if last < total then
    said[#said + 1] = ("%s after this; go on with offset=%d")
      :format(text.plural(total - last, "line"), last + 1)
  end
  if s:find("\r\n", 1, true) then said[#said + 1] = "line ends are CRLF" end
  if form.name ~= "UTF-8" then
    said[#said + 1] = "encoded as " .. form.name
  elseif form.mark ~= "" then
    said[#said + 1] = "begins with a byte order mark"
  end
  if wrong > 0 then
    said[#said + 1] = ("%s no UTF-8, shown as \u{FFFD}")
      :format(text.plural(wrong, "byte is", "bytes are"))
  end
  if last == total and s:sub(-1) ~= "\n" then
    said[#said + 1] = "the last line has no line end"
  end
  return #said > 0 and "\n[" .. table.concat(said, "; ") .. "]" or ""
end

local function show_image(path, facts, bytes)
  local size = facts.width and (", %d x %d pixels"):format(facts.width, facts.height) or ""
  local said = ("%s: %s%s, %s."):format(path, facts.name, size, text.plural(#bytes, "byte"))
  if facts.refused then
    return ("%s It cannot be shown: %s; make a smaller copy and read that."):format(said,
      facts.refused)
  end
  return { text = said,
    images = { { media_type = facts.media_type, data = base64.encode(bytes) } } }
end

local function show_text(input, s, form)
  local valid, wrong = text.valid(s)
  local lines = text.lines(valid)
  local first = input.offset
  if first > #lines then
    return nil, { code = "invalid", message = ("%s has %s; offset %d lies behind its end"):format(
      input.path, text.plural(#lines, "line"), first) }
  end
  local last = input.limit and math.min(#lines, first + input.limit - 1) or #lines
  return show_lines(lines, first, last, input.numbers) .. remarks(s, form, wrong, last, #lines)
end

local function show_file(input, bytes)
  if #bytes == 0 then return input.path .. " is an empty file." end
  local facts = image.look(bytes)
  if facts then return show_image(input.path, facts, bytes) end
  local kind, s, form = kind_of(bytes), nil, nil
  if not kind then s, form = encoding.open(bytes) end
  if not s then
    return ("%s is no text: %s, %s."):format(input.path, kind or form,
      text.plural(#bytes, "byte"))
  end
  if s == "" then return input.path .. " holds a byte order mark and nothing else." end
  return show_text(input, s, form)
end

---@async
---@param input { path: string, offset: integer, limit: integer?, numbers: boolean }
---@param call  Call
---@return string|ToolResult|nil text, Error? err
local function read(input, call)
  local path = filename.bytes(input.path)
  local bytes, info = call.read(path, { most = FILE_MOST })
  if bytes then return show_file(input, bytes) end

  local err = info
  if err.code == "limit" then
    return nil, { code = "limit", message = ("%s is larger than %d bytes; "
      .. "look at parts of it with grep, or bash and sed -n"):format(input.path, FILE_MOST) }
  end
  if err.code ~= "invalid" then return nil, err end
  local entries = call.list(path) -- a folder is no file: then show what is in it
  if not entries then return nil, err end
  return show_folder(input.path, entries)
end

return {
  description = "Read a text file, see an image (PNG, JPEG, GIF, WebP), or list a folder. Of a "
    .. "very long text the middle is left out; read it in parts with offset and limit.",
  input       = schema.object {
    { "path",   schema.path(),
      "File or folder inside the workspace. \\xHH in a path stands for a byte." },
    { "offset", schema.integer { min = 1, default = 1 }, "First line to show, counted from 1." },
    { "limit",  schema.integer { min = 1 },             "Most lines to show.", optional = true },
    { "numbers", schema.boolean { default = false },
      "Put its number and a tab before each line." },
  },
  effect      = "read",
  needs       = { read = { "." } },
  timeout     = "30s",
  run         = read,
}
