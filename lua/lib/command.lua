--- Command lines as rules read them. Two readings, for the two directions in which one can err:
---
---   command.fits, command.plain   strict: one plain command and nothing else. For what permits.
---   command.anywhere              generous: every command that the line may run, as far as its
---                                 text shows. For what denies or asks.
---
--- Text is not what a shell does: `$x`, a script that was written first, or another program that
--- does the same are seen by neither. What holds commands in place is the sandbox; this is a
--- courtesy to people and to models that mean well. Pure.
local text = require "lib.text"

local command = {}

--- Signs with which one line becomes several commands, or runs what it does not name.
local JOINING <const> = "[;&|<>`$%(%){}\n\r\\]"

local DEPTH_MOST <const> = 4    -- of command lines within words of command lines
local FOUND_MOST <const> = 2000 -- commands of one line
local TAIL_MOST  <const> = 30   -- words of a carrier behind which another command may begin

--- Words that stand before a command and are none.
local BEFORE <const> = {
  ["!"] = true, ["{"] = true, ["}"] = true, ["if"] = true, ["then"] = true, ["else"] = true,
  ["elif"] = true, ["while"] = true, ["until"] = true, ["do"] = true, ["time"] = true,
  ["coproc"] = true, ["in"] = true,
}

--- Programs that run what their own words say.
local CARRIERS <const> = {}
for name in ([[sh bash dash zsh ksh fish busybox eval exec command builtin source env sudo doas su
  nohup nice ionice timeout time setsid stdbuf xargs parallel watch find fd ssh flock script
  chroot unshare nsenter strace ltrace trap]]):gmatch("%S+") do CARRIERS[name] = true end

--- Whether a command line is one plain command.
---@param line any
---@return boolean plain
function command.plain(line) return type(line) == "string" and not line:find(JOINING) end

--- Whether a command line is one plain command that fits a scope: "git:*" and "git *" fit git with
--- any words behind it, "npm test" fits itself alone.
---@param line   any
---@param scopes string[]
---@return boolean fits
function command.fits(line, scopes)
  if not command.plain(line) then return false end
  local words = line:gsub("^[ \t]+", "")
  for _, scope in ipairs(scopes) do
    local start = scope:match("^(.-):%*$") or scope:match("^(.-) %*$")
    if start then
      if words == start or words:sub(1, #start + 1) == start .. " " then return true end
    elseif words == scope then
      return true
    end
  end
  return false
end

-- the generous reading ----------------------------------------------------------------------------

--- Splits a line into commands, each a list of words without their quotes.
local Lexer = {}
Lexer.__index = Lexer

function Lexer:end_word()
  if self.word and not self.to_file then table.insert(self.words, self.word) end
  if self.word then self.to_file = false end
  self.word = nil
end

function Lexer:end_command()
  self:end_word()
  if #self.words > 0 then table.insert(self.commands, self.words) end
  self.words, self.to_file = {}, false
end

function Lexer:add(part) self.word = (self.word or "") .. part end

--- A quoted text from its opening sign on; what never closes is read as a line of its own too.
function Lexer:quoted(at, close, escapes)
  local from, said = at, {}
  while true do
    local stop = self.line:find(escapes and "[\\" .. close .. "]" or close, at)
    if not stop then
      table.insert(self.inner, self.line:sub(from))
      self:add(self.line:sub(from))
      return #self.line + 1
    end
    said[#said + 1] = self.line:sub(at, stop - 1)
    if self.line:sub(stop, stop) == close then
      local whole = table.concat(said)
      if close == '"' and whole:find("[`$]") then table.insert(self.inner, whole) end
      self:add(whole)
      return stop + 1
    end
    local next_sign = self.line:sub(stop + 1, stop + 1)
    if next_sign ~= "\n" then said[#said + 1] = next_sign end
    at = stop + 2
  end
end

--- A redirection: its signs, and the file that the next word names.
function Lexer:redirect(at)
  if self.word and self.word:match("^%d+$") then self.word = nil else self:end_word() end
  local stop = select(2, self.line:find("^[<>&|%-]+", at))
  if self.line:sub(stop + 1, stop + 1) == "(" then
    self:end_command()
    return stop + 2
  end
  self.to_file = true
  return stop + 1
end

local ENDS <const> = { [";"] = true, ["&"] = true, ["|"] = true, ["\n"] = true, ["("] = true,
  [")"] = true, ["`"] = true, ["\r"] = true }

--- Takes one sign that is not plain; answers where the next one stands.
function Lexer:sign(sign, at)
  if ENDS[sign] then
    if sign == "&" and self.line:sub(at + 1, at + 1) == ">" then return self:redirect(at) end
    self:end_command()
  elseif sign == " " or sign == "\t" then
    self:end_word()
  elseif sign == "\\" then
    local next_sign = self.line:sub(at + 1, at + 1)
    if next_sign ~= "\n" then self:add(next_sign) end
    return at + 2
  elseif sign == "'" then
    return self:quoted(at + 1, "'", self.word and self.word:sub(-1) == "$")
  elseif sign == '"' then
    return self:quoted(at + 1, '"', true)
  elseif sign == "<" or sign == ">" then
    return self:redirect(at)
  elseif sign == "#" and not self.word then
    return self.line:find("\n", at, true) or #self.line + 1
  else
    self:add(sign)
  end
  return at + 1
end

--- The commands of a line, and the texts in it that are command lines themselves.
local function lex(line)
  local lexer = setmetatable({ line = line, words = {}, commands = {}, inner = {} }, Lexer)
  local at = 1
  while at <= #line do
    local stop = line:find("[;&|\n%(%)`\r \t\\'\"<>#]", at) or #line + 1
    if stop > at then lexer:add(line:sub(at, stop - 1)) end
    at = stop <= #line and lexer:sign(line:sub(stop, stop), stop) or stop
  end
  lexer:end_command()
  return lexer.commands, lexer.inner
end

local Search = {}
Search.__index = Search

function Search:keep(said)
  if self.known[said] then return end
  self.known[said] = true
  self.found[#self.found + 1] = said
  if #self.found > FOUND_MOST then self.too_many = true end
end

--- A command from its word `from` on, as it is, and without the options behind its name: a rule
--- "git push*" means `git -C dir push` too.
function Search:command(words, from)
  local name = words[from]:match("([^/]+)/*$") or words[from]
  self:keep(name .. (from < #words and " " .. table.concat(words, " ", from + 1) or ""))
  local at = from + 1
  while at <= #words and words[at]:sub(1, 1) == "-" and at - from < TAIL_MOST do
    for _, rest in ipairs { at + 1, at + 2 } do -- an option, or an option with its value
      if words[rest] then self:keep(name .. " " .. table.concat(words, " ", rest)) end
    end
    at = at + (words[at + 1] and words[at + 1]:sub(1, 1) ~= "-" and words[at + 2] and 2 or 1)
  end
  return name
end

--- Without what stands before a command: reserved words, variables, {a,b} that becomes a b.
local function bare(words)
  local kept, leading = {}, true
  for _, word in ipairs(words) do
    leading = leading and (BEFORE[word] or word:match("^[%a_][%w_]*%+?=") ~= nil)
    if not leading then
      local braced = #kept == 0 and word:match("^{(.*,.*)}$")
      if not braced then kept[#kept + 1] = word end
      for part in (braced or ""):gmatch("[^,]+") do kept[#kept + 1] = part end
    end
  end
  return kept
end

function Search:words(written, depth)
  local words = bare(written)
  if #words == 0 then return end
  if not CARRIERS[self:command(words, 1)] then return end
  for i = 2, math.min(#words, TAIL_MOST) do
    self:command(words, i)
    if words[i]:find("[%s;&|]") then self:line(words[i], depth + 1) end
  end
end

function Search:line(line, depth)
  if depth > DEPTH_MOST or self.too_many then return end
  local commands, inner = lex(line)
  for _, words in ipairs(commands) do
    if self.too_many then return end
    self:words(words, depth)
  end
  for _, one in ipairs(inner) do self:line(one, depth + 1) end
end

--- Every command that a line may run, each with one blank between its words, without quotes,
--- variables before it, and the folder of its program; and the line itself.
---@param line string
---@return string[]? found nil when there is more in it than is looked at
function command.anywhere(line)
  local search = setmetatable({ found = {}, known = {} }, Search)
  line = line:gsub("%$IFS", " "):gsub("%${IFS}", " ")
  search:keep((text.trim(line):gsub("[ \t]+", " ")))
  search:line(line, 1)
  local lines = text.lines(line)
  if #lines > 1 then -- each for itself too: a quote in a here-document must not hide the rest
    for _, one in ipairs(lines) do search:line(one, 1) end
  end
  if search.too_many then return nil end
  return search.found
end

return command
