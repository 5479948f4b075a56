--- What a request has in common with the one before it: the provider's cache reads no further than
--- the first byte that differs. Each turn's record says how long its request was, how much of that
--- the request before had too, and what was paid again; `perigee runs cache` shows it.
---
--- Compared are the parts that a cache looks at, in this order: what is set beside the prompt
--- (model, thinking, effort, form of the answer), tools, system prompt, messages. Marks for the
--- cache, which move, are no part of it. The parts are fragments that are kept anyway, so this
--- costs no copy; of a list of messages that has only grown, what it was is not looked at again.
local json    = require "lib.json"
local session = require "lib.session"
local strict  = require "lib.strict"
local text    = require "lib.text"

local prefix = {}

local HEAD    <const> = { "settings", "tools", "system prompt" }
local EXCERPT <const> = 80 -- bytes of each side of a difference

local function settings_of(target, request)
  local form = strict.output(target, request.form, request.tools)
  return json.encode(json.object {
    { "dialect", target.dialect }, { "model", target.model }, { "legacy", target.legacy },
    { "thinking", target.thinking }, { "effort", target.effort and request.effort },
    { "form", form and form.schema } })
end

local function tools_of(tools)
  local parts = {}
  for i, tool in ipairs(tools) do
    parts[i] = json.encode(json.array { tool.name, tool.description or "", tool.schema or "",
      tool.server ~= nil })
  end
  return table.concat(parts, ",")
end

--- What conversations of one agent share: tools and system prompt.
---@param system string
---@param tools  table[]
---@return string
function prefix.shared(system, tools) return tools_of(tools) .. system end

---@class prefix.Sent a request as it went out
---@field head     string[] settings, tools, system prompt
---@field tools    table[]  that the second stands for
---@field messages string[] fragments; later ones may have been added
---@field count    integer  of those that went out
---@field bytes    integer? of all parts
---@field tokens   integer? of its prompt, as the server counted them

--- What goes out.
---@param target  model.Target
---@param request table of a talk
---@param before  prefix.Sent?
---@return prefix.Sent sent without bytes and tokens
function prefix.sent(target, request, before)
  local tools = before and before.tools == request.tools and before.head[2]
    or tools_of(request.tools)
  return { head = { settings_of(target, request), tools, request.system }, tools = request.tools,
    messages = request.messages, count = #request.messages }
end

--- The parts of a request, in the order in which a cache reads them.
local function parts_of(sent)
  local parts = table.move(sent.head, 1, #HEAD, 1, {})
  return table.move(sent.messages, 1, sent.count, #HEAD + 1, parts)
end

--- How many bytes two texts begin with that are the same.
local function common(a, b)
  local low, high = 0, math.min(#a, #b) -- the first `low` bytes are known to be the same
  while low < high do
    local middle = (low + high + 1) // 2
    if a:sub(low + 1, middle) == b:sub(low + 1, middle) then low = middle else high = middle - 1 end
  end
  return low
end

local function name_of(part)
  return HEAD[part] or ("message %d"):format(part - #HEAD)
end

local function excerpt(part, from)
  if not part then return nil end
  return (text.valid(part:sub(from + 1, from + EXCERPT)))
end

---@class prefix.Compared
---@field bytes   integer of all parts
---@field same    integer of them at the beginning, as in the request before
---@field differs { part: string, byte: integer, before: string, now: string? }? nil where the
---  request before is whole the beginning of this one; `byte` counts from 0 over all parts

--- Compares a request with the one before it.
---@param before string[]
---@param now    string[]
---@return prefix.Compared
function prefix.compare(before, now)
  local bytes, same, first = 0, 0, nil
  for i, part in ipairs(now) do
    bytes = bytes + #part
    if not first and part == before[i] then same = same + #part else first = first or i end
  end
  first = first or #now + 1
  local old = before[first]
  if not old then return { bytes = bytes, same = same } end
  local within = common(old, now[first] or "")
  same = same + within
  return { bytes = bytes, same = same, differs = { part = name_of(first), byte = same,
    before = excerpt(old, within), now = excerpt(now[first], within) } }
end

--- The same of requests: the second may be the first and more.
---@param before prefix.Sent
---@param now    prefix.Sent
---@return prefix.Compared
function prefix.since(before, now)
  local grown = before.messages == now.messages
  for i = 1, #HEAD do grown = grown and before.head[i] == now.head[i] end
  if not grown then return prefix.compare(parts_of(before), parts_of(now)) end
  local bytes = before.bytes
  for i = before.count + 1, now.count do bytes = bytes + #now.messages[i] end
  return { bytes = bytes, same = before.bytes }
end

--- What a turn could have read from the cache, and did not: only where the server counts.
---@param usage  Usage?
---@param before integer? tokens of the prompt before
---@param share  number of that prompt that is the beginning of this one too
---@param target model.Target
---@return integer? tokens, number? usd
function prefix.missed(usage, before, share, target)
  local counted = usage and (usage.cache_read or usage.cache_write)
  if not counted or not before or before < (target.cache_least or 0) then return nil end
  local missed = math.floor(before * share) - (usage.cache_read or 0)
  if missed <= 0 then return 0 end
  local prices = target.prices
  local paid = prices and ((usage.cache_write or 0) > 0 and prices.cache_write or prices.input)
  local usd = paid and prices.cache_read and missed * (paid - prices.cache_read) / 1e6
  return missed, usd
end

local function prompt_tokens(usage)
  if not usage or not usage.input then return nil end
  return usage.input + (usage.cache_read or 0) + (usage.cache_write or 0)
end

--- The conversation before, of the same agent and model in this process: its tools and its prompt
--- may still be in the cache.
local function before_of(self, target)
  local s = session.get()
  local key = ("%s %s %s"):format(self.who.name, target.base_url, target.model)
  return self.sent or s.sent[key], key
end

--- Keeps what was sent, and says what of it was sent before.
---@param self   talk.Talk
---@param target model.Target that answered
---@param reply  Reply
---@return table? cache of the turn's record; nil of a rehearsal
function prefix.note(self, target, reply)
  if target.scenario then return nil end
  local before, key = before_of(self, target)
  local sent = prefix.sent(target, self.request, before)
  local told = before and prefix.since(before, sent) or prefix.compare({}, parts_of(sent))
  local own = self.sent ~= nil
  local share = before and told.same / math.max(1, before.bytes) or 0
  local missed, usd = prefix.missed(reply.usage, own and before.tokens or nil, share, target)
  sent.bytes, sent.tokens = told.bytes, prompt_tokens(reply.usage)
  self.sent = sent
  if not own then -- of later conversations only the beginning can be the same
    session.get().sent[key] = { head = sent.head, tools = sent.tools, bytes = told.bytes,
      messages = { sent.messages[1] }, count = 1 }
  end
  return { bytes = told.bytes, same = told.same, first = not own or nil,
    differs = before and told.differs, missed = missed, missed_usd = usd,
    server = reply.cache_miss }
end

return prefix
