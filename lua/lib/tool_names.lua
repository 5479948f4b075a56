--- What tools are called in definitions written for other hosts, and how a `tools` field is read.
--- Names are compared without case, "_", "-", "." and blanks; a tool that bears the name as it is
--- written comes first. One name may stand for several of ours. Pure.
local text = require "lib.text"

local names = {}

---@type table<string, string[]>
local SAME <const> = {
  read  = { "readfile", "readfiles", "readmanyfiles", "view", "viewfile", "openfile", "cat",
            "getfilecontents", "ls", "list", "listdir", "listdirectory", "listfiles",
            "filereader", "readtextfile" },
  write = { "writefile", "createfile", "writetofile", "savefile", "filewriter", "newfile" },
  edit  = { "editfile", "editfiles", "multiedit", "replace", "strreplace", "replaceinfile",
            "searchreplace", "applydiff", "applypatch", "patch", "insertedit",
            "replacestringinfile", "inserteditintofile" },
  bash  = { "shell", "sh", "exec", "execute", "executebash", "executecommand", "runcommand",
            "runcommands", "runshellcommand", "runterminalcmd", "runinterminal", "terminal",
            "localshell", "containerexec", "shellcommand", "execcommand" },
  glob  = { "find", "findfiles", "filesearch", "findbyname" },
  grep  = { "search", "searchfiles", "searchfilecontent", "grepsearch", "codebasesearch",
            "searchtext", "textsearch", "ripgrep", "rg", "codesearch" },
  bash_output = { "bashoutput", "taskoutput", "readbackground" },
  bash_kill   = { "killbash", "killshell", "bashkill", "taskstop" },
  web_fetch   = { "webfetch", "fetch", "fetchurl", "fetchwebpage", "readurl", "urlfetch",
                  "httpget", "browse" },
  web_search  = { "websearch", "googlewebsearch", "googlesearch", "bravesearch", "searchweb",
                  "internetsearch" },
  code_execution = { "codeexecution", "codeinterpreter" },
}
local SEVERAL <const> = { -- one tool there, several here
  strreplaceeditor        = { "read", "write", "edit" },
  strreplacebasededittool = { "read", "write", "edit" },
  texteditor              = { "read", "write", "edit" },
  fileeditor              = { "read", "write", "edit" },
  filesystem              = { "read", "write", "edit" },
}
-- Of no use without the first, and needed with it.
local TOGETHER <const> = { bash = { "bash_output", "bash_kill" } }
-- The turn loop's own: offered by its rules.
local LOOP <const> = { handoff = true, escalate = true }
local TRUE <const> = { ["true"] = true, yes = true, on = true, ["1"] = true }
local FALSE <const> = { ["false"] = true, no = true, off = true, ["0"] = true }

local OURS = {} -- plain name -> our names
for ours, theirs in pairs(SAME) do
  OURS[ours:gsub("_", "")] = { ours }
  for _, name in ipairs(theirs) do OURS[name] = { ours } end
end
for name, ours in pairs(SEVERAL) do OURS[name] = ours end

local function plain(name) return (name:lower():gsub("[_%-%.%s]", "")) end

--- Splits at commas, or at blanks where there is no comma; brackets hold together.
---@param written string
---@return string[]? parts nil when the brackets do not match
local function split(written)
  written = text.trim(written)
  if written:match("^%[.*%]$") then
    written = written:sub(2, -2) -- a flow list that was not read as one
  end
  local open, commas, blanks, from = 0, {}, {}, 1
  for i = 1, #written do
    local char = written:sub(i, i)
    if char == "(" then open = open + 1 end
    if char == ")" then open = open - 1 end
    if open < 0 then return nil end
    if open == 0 and char == "," then commas[#commas + 1] = i end
    if open == 0 and char:find("%s") then blanks[#blanks + 1] = i end
  end
  if open ~= 0 then return nil end

  local parts, cuts = {}, #commas > 0 and commas or blanks
  cuts[#cuts + 1] = #written + 1
  for _, cut in ipairs(cuts) do
    local part = text.trim(written:sub(from, cut - 1)):gsub("^(['\"])(.*)%1$", "%2")
    if part ~= "" then parts[#parts + 1] = part end
    from = cut + 1
  end
  return parts
end

--- A map of booleans: what is true; where all are false, what stays inside without these.
local function read_map(written)
  local given, refused = {}, {}
  for _, name in ipairs(text.sorted_keys(written)) do
    local says = written[name]
    local word = type(says) == "boolean" and tostring(says)
      or type(says) == "string" and says:lower() or ""
    if TRUE[word] then
      given[#given + 1] = name
    elseif FALSE[word] then
      refused[#refused + 1] = name
    else
      return nil, nil, ("tools: %s is neither true nor false"):format(name)
    end
  end
  return given, refused
end

--- Reads a `tools` field into names as written. `all` means: every tool that stays inside.
---@param written any the front matter's value: nil, text, list or map
--- `refused` are those that a map says false to.
---@return { given: string[], refused: string[]?, all: boolean? } read
---@return string? note why nothing was given, where the field could not be read
function names.read(written)
  if written == nil then return { given = {}, all = true } end
  if type(written) == "string" then
    local word = text.trim(written)
    if word == "*" or word:lower() == "all" then return { given = {}, all = true } end
    local parts = split(word)
    if not parts then
      return { given = {} }, "tools: brackets do not match in " .. text.first_line(word)
    end
    if #parts == 0 and word ~= "[]" then
      return { given = {} }, "tools: is empty; leave it out for all, write [] for none"
    end
    return { given = parts }
  end
  if type(written) ~= "table" then return { given = {} }, "tools: is no list of names" end

  if #written == 0 and next(written) ~= nil then
    local given, refused, why = read_map(written)
    if not given then return { given = {} }, why end
    if #given == 0 then return { given = {}, refused = refused, all = true } end
    return { given = given, refused = refused }
  end
  local given = {}
  for i, entry in ipairs(written) do
    if type(entry) ~= "string" then
      return { given = {} }, ("tools: entry %d is no name"):format(i)
    end
    given[i] = text.trim(entry)
  end
  if #given == 1 and given[1] == "*" then return { given = {}, all = true } end
  return { given = given }
end

--- Our names for one that was written, and what its brackets say: "Bash(git:*)" -> { "bash" },
--- "git:*".
---@param written string
---@param known   table<string, any> what there is, by name
---@return string[]? ours nil when there is no such tool here
---@return string? scope
function names.ours(written, known)
  local name, scope = written:match("^([^%(]+)%((.*)%)$")
  name = text.trim(name or written)
  if LOOP[plain(name)] then return {}, nil end
  if known[name] then return { name }, scope end
  local candidates, found = OURS[plain(name)] or {}, {}
  for _, candidate in ipairs(candidates) do
    if known[candidate] then found[#found + 1] = candidate end
  end
  if #found > 0 then return found, scope end
  for _, own in ipairs(text.sorted_keys(known)) do
    if plain(own) == plain(name) then return { own }, scope end
  end
  return nil
end

--- Our names of those that come along with one of ours: who may start a job may ask for it, end it.
---@param name string
---@return string[] ours
function names.along(name) return TOGETHER[name] or {} end

return names
