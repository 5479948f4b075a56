--- A run with its children, read piece by piece: however long it is, a page of records is held at
--- a time. `jsonl` writes all of it, one JSON object a line:
---
---   { kind = "export", format = 1, run = ID, runs = { as in `runs list --json`, parents first } }
---   { run, seq, time, kind, body }       every record of every run, in the order of `runs`
---   { kind = "text", hash, path, text }  every file that was loaded for one of them; `base64` for
---                                        `text` where the file is no UTF-8
local base64 = require "lib.base64"
local json   = require "lib.json"
local records = require "lib.records"
local texts  = require "lib.texts"

local export = {}

local FORMAT <const> = 1

--- Notes which files a record says were loaded: hash to path.
---@param record { kind: string, body: string }
---@param files table<string, string>
function export.note_files(record, files)
  local named, definitions = texts.named(record)
  for path, hash in pairs(named) do files[hash] = path end
  for path, hash in pairs(definitions) do files[hash] = path end
end

--- The texts of noted files, in the order of their paths; a text that is not there is left out.
---@param cli   table
---@param files table<string, string>
---@return fun(): string?, string?, string? path, hash, text
function export.texts(cli, files)
  local hashes, at = {}, 0
  for hash in pairs(files) do hashes[#hashes + 1] = hash end
  table.sort(hashes, function(a, b)
    if files[a] ~= files[b] then return files[a] < files[b] end
    return a < b
  end)
  return function()
    while true do
      at = at + 1
      local hash = hashes[at]
      if not hash then return nil end
      local said, err = cli.read_text(hash)
      if said then return files[hash], hash, said end
      if err.code ~= "not_found" then error(err, 0) end
    end
  end
end

--- A record as `runs show --json` and an export have it.
---@return string line
function export.line(run, record)
  return json.encode(json.object {
    { "run", run }, { "seq", record.seq }, { "time", record.time }, { "kind", record.kind },
    { "body", json.raw(record.body) },
  }) .. "\n"
end

---@param cli   table
---@param rows  table[] the run, then what is below it
---@param write fun(text: string)
function export.jsonl(cli, rows, write)
  local files = {}
  write(json.encode(json.object {
    { "kind", "export" }, { "format", FORMAT }, { "run", rows[1].run },
    { "runs", json.array(rows) },
  }) .. "\n")
  for _, row in ipairs(rows) do
    for record in records.of(cli, row.run) do
      export.note_files(record, files)
      write(export.line(row.run, record))
    end
  end
  for path, hash, said in export.texts(cli, files) do
    local plain = utf8.len(said) ~= nil
    write(json.encode(json.object {
      { "kind", "text" }, { "hash", hash }, { "path", path },
      { plain and "text" or "base64", plain and said or base64.encode(said) },
    }) .. "\n")
  end
end

return export
