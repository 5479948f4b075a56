--- Makes a conversation shorter before its model's window is full, or once the model has refused it
--- as too long. `lua/context.lua` (lib/room.lua) answers the plan; here it is held to what can be
--- done, carried out and recorded as one step.
local asking   = require "lib.asking"
local json     = require "lib.json"
local limits   = require "lib.limits"
local model    = require "lib.model"
local past     = require "lib.past"
local room     = require "lib.room"
local ruling   = require "lib.ruling"
local session  = require "lib.session"
local text     = require "lib.text"

local compaction = {}

compaction.AGENT = "summarizer" -- as a scenario plays it

local GROWN        <const> = 1.1  -- over what the last compaction left, before the next
local TOKEN_BYTES  <const> = 4
local IMAGE_TOKENS <const> = 1500
local SCALE_MOST   <const> = 4    -- between our estimate and a server's count
local QUOTE_MOST   <const> = 200  -- bytes of a call's arguments in a note
local NOTE_TOKENS  <const> = 80
local BLOCK_MOST   <const> = 4000 -- bytes of a block that the summarizer reads
local READ_MOST    <const> = 400000 -- bytes that it reads in all, where its window is not known
local READ_SHARE   <const> = 2    -- bytes a token of its window: half of what fits
local SUMMARY_MOST <const> = 8000 -- tokens of a summary
local FILES_MOST   <const> = 60

local FILE <const> = "lua/context.lua"

-- how long it is ----------------------------------------------------------------------------------

local function tokens_of_block(block)
  local bytes = #(block.text or "") + #(block.input or "")
  if block.type == "opaque" or block.type == "thinking" then bytes = #(block.opaque or "") end
  return bytes // TOKEN_BYTES + IMAGE_TOKENS * #(block.images or {})
end

local function tokens_of(message)
  local tokens = 0
  for _, block in ipairs(message.content) do tokens = tokens + tokens_of_block(block) end
  return tokens
end

--- The same in our own estimate, where no server has counted.
local function estimate(self)
  local bytes = #self.request.system
  for _, tool in ipairs(self.request.tools) do
    bytes = bytes + #tool.name + #tool.description + #(tool.schema or "")
  end
  local tokens = bytes // TOKEN_BYTES
  for _, message in ipairs(self.log) do tokens = tokens + tokens_of(message) end
  return tokens
end

--- The next request of a conversation in tokens: what the server counted, and what came since.
local function tokens_now(self)
  local size = self.size
  if not size then return estimate(self) end
  local tokens = size.tokens
  for i = size.messages + 1, #self.log do tokens = tokens + tokens_of(self.log[i]) end
  return tokens
end

--- Keeps what a reply says of the length of its conversation: the reply is the next message. One in
--- which the server used tools of its own was several requests there, and its count is that of all:
--- nothing is kept then.
---@param self  talk.Talk
---@param reply Reply
function compaction.note(self, reply)
  local usage = reply.usage
  if reply.served then self.size = nil end
  if not usage or not usage.input or reply.served then return end
  local tokens = usage.input + (usage.output or 0) + (usage.cache_read or 0)
    + (usage.cache_write or 0)
  self.size = { tokens = tokens, messages = #self.log + 1 }
end

--- Words by which an API says that a request is too long (in order: Anthropic, its body's limit,
--- prompt and reply together; OpenAI, llama.cpp, vLLM and most others).
local TOO_LONG <const> = { "prompt is too long", "request_too_large", "exceed context limit",
  "context_length_exceeded", "context window", "exceed_context_size",
  "maximum context length", "context length" }

--- Whether the model says that the conversation no longer fits its window.
---@param reply? Reply
---@param err?   Error
---@return boolean
function compaction.is_exceeded(reply, err)
  if reply then return reply.stop == "context" end
  local details = err and err.details or {}
  if details.status ~= 400 and details.status ~= 413 and details.status ~= 422 then return false end
  local said = ("%s %s %s"):format(err.message, details.type or "", details.reason or ""):lower()
  for _, words in ipairs(TOO_LONG) do
    if said:find(words, 1, true) then return true end
  end
  return false
end

-- the plan ----------------------------------------------------------------------------------------

--- What a token of our estimate is in the server's count, within reason.
local function scale_of(self, tokens)
  return math.max(1 / SCALE_MOST, math.min(SCALE_MOST, tokens / math.max(1, estimate(self))))
end

local function facts_of(self, tokens, exceeded)
  local target, scale = self.targets[1], scale_of(self, tokens)
  local messages = {}
  for i, message in ipairs(self.log) do
    local results = json.array {}
    for _, block in ipairs(message.content) do
      if block.type == "result" then
        results[#results + 1] = { id = block.id, name = block.name,
          tokens = math.ceil(tokens_of_block(block) * scale), taken = block.taken }
      end
    end
    messages[i] = { role = message.role, tokens = math.ceil(tokens_of(message) * scale),
      results = results }
  end
  local window = target.context
  local left = session.get().settings.context.left
  return { agent = self.who.name, task = self.task, window = window, tokens = tokens,
    aim = (window or tokens) * left // 100, exceeded = exceeded, messages = messages }
end

--- What is wrong with a plan of the right form; nil when nothing is.
local function problem_of(self, plan)
  local known = {}
  for _, message in ipairs(self.log) do
    for _, block in ipairs(message.content) do
      if block.type == "result" then known[block.id] = true end
    end
  end
  for _, id in ipairs(plan.results or {}) do
    if not known[id] then return ("results: no call %q has a result here"):format(id) end
  end
  local upto = plan.summary and plan.summary.upto
  if not upto then return nil end
  if upto < 2 or upto >= #self.log then
    return ("summary.upto is %d; it lies between 2 and %d"):format(upto, #self.log - 1)
  end
  if self.log[upto].role ~= "user" or self.log[upto + 1].role ~= "assistant" then
    return ("summary.upto is %d; the message there should be the user's, with the model's behind "
      .. "it, so that no call loses its result"):format(upto)
  end
end

local function plan_of(run, self, facts)
  local plan, err
  if run:decide("lua/lib/decisions.lua", "has", FILE, "compact") then
    plan, err = ruling.ask(run, FILE, "compact", facts)
    if err then return nil, err end
  end
  plan = plan or room.plan(facts)
  local problem = problem_of(self, plan)
  if problem then return ruling.wrong(run, FILE, "compact", problem) end
  return plan
end

-- the summary -------------------------------------------------------------------------------------

--- A message as the summarizer reads it.
local function told(message)
  local parts = {}
  for _, block in ipairs(message.content) do
    local said
    if block.type == "text" then said = block.text end
    if block.type == "call" then said = ("[calls %s %s]"):format(block.name, block.input) end
    if block.type == "result" then
      said = ("[result of %s%s]\n%s"):format(block.name, block.error and ", an error" or "",
        block.text)
    end
    if said then parts[#parts + 1] = text.cut_middle(text.valid(said), BLOCK_MOST) end
  end
  return ("### %s\n%s"):format(message.role == "user" and "To the agent" or "The agent",
    table.concat(parts, "\n"))
end

local function transcript(self, upto, most)
  local parts = {}
  for i = 1, upto do parts[i] = told(self.log[i]) end
  return ("## Task of %s\n%s\n\n## Conversation\n%s\n"):format(self.who.name,
    text.cut_middle(self.task, BLOCK_MOST), text.cut_middle(table.concat(parts, "\n\n"), most))
end

--- Who sums up: the model that was named on the command line, else the small one of the same
--- server, else the conversation's own. No other server gets to see the conversation.
local function summarizers(self)
  local s, own = session.get(), self.targets[1]
  local small = not s.options.model and model.resolve("small", { exact = true }, s.env) or {}
  local list = {}
  for _, target in ipairs(small) do
    if target.base_url == own.base_url then list[#list + 1] = target end
  end
  list[#list + 1] = own
  return list
end

local function affordable(run)
  return limits.spend(run, "tokens", 0) and limits.spend(run, "usd", 0)
end

--- Asks for the summary.
---@return { text: string, model: string, usage: Usage?, cost_usd: number? }? made, Error? err
local function sum_up(run, self, summary)
  local ok, over = affordable(run)
  if not ok then return nil, over end
  local s, targets = session.get(), summarizers(self)
  local system = (summary.prompt or room.SUMMARY) .. "\n\nAgent: " .. compaction.AGENT .. "\n"
  local most = targets[1].context and targets[1].context * READ_SHARE or READ_MOST
  local first = transcript(self, summary.upto, most)
  local visit = (s.visits[compaction.AGENT] or 0) + 1
  s.visits[compaction.AGENT] = visit
  local message = { role = "user", content = { { type = "text", text = first } } }
  local with = { who = { name = compaction.AGENT }, targets = targets, turn = 1, quiet = true,
    most = SUMMARY_MOST, log = { message }, request = { system = system, tools = {},
      messages = {},
      given = { agent = compaction.AGENT, visit = visit, turn = 1, task = self.task,
        system = system, first = first, results = {}, tools = {} } } }
  local reply, err, target, held = asking.ask(run, with)
  if not reply then return nil, err end
  local said, _ <close> = {}, held
  for _, block in ipairs(reply.content) do
    if block.type == "text" then said[#said + 1] = block.text end
  end
  local made = { text = text.trim(text.valid(table.concat(said))), model = target.model,
    usage = reply.usage, cost_usd = model.cost(target, reply.usage),
    estimated = held and held.estimated }
  asking.charge(run, target, reply)
  if made.text == "" then
    return nil, { code = "protocol", message = "the summary is empty" }
  end
  return made
end

-- carrying it out ---------------------------------------------------------------------------------

--- What stands in place of a result: which call it was, and how to see it again.
local function note_of(block, call)
  local input = call and text.cut_middle(text.valid(call.input), QUOTE_MOST) or "{}"
  return ("[taken out to make room: %d bytes that %s answered to %s; call it again if you need "
    .. "them]"):format(#block.text, block.name, input)
end

local function take_results(self, ids)
  local wanted, calls = {}, {}
  for _, id in ipairs(ids) do wanted[id] = true end
  for _, message in ipairs(self.log) do
    for i, block in ipairs(message.content) do
      if block.type == "call" then calls[block.id] = block end
      if block.type == "result" and wanted[block.id] and not block.taken then
        message.content[i] = { type = "result", id = block.id, name = block.name,
          error = block.error, text = note_of(block, calls[block.id]), taken = true }
      end
    end
  end
end

--- Puts the summary behind the first message's own words, in place of an earlier one.
local function put_summary(self, upto, said)
  local first = self.log[1]
  self.opening_blocks = self.opening_blocks or #first.content
  local content = table.move(first.content, 1, self.opening_blocks, 1, {})
  content[#content + 1] = { type = "text", text = said }
  self.log[1] = { role = "user", content = content }
  table.move(self.log, upto + 1, #self.log + upto - 1, 2)
end

--- Does what a record says: the same in a run that goes on as in the one that made it.
local function apply(self, body)
  if #body.results > 0 then take_results(self, body.results) end
  if body.summary then put_summary(self, body.upto, body.summary) end
  self.request.messages, self.request.blocks = {}, {}
  for i, message in ipairs(self.log) do self.request.blocks[i] = #message.content end
  self.size = { tokens = body.tokens_after, messages = #self.log }
  self.compacted = body.tokens_after
end

--- The files of the run, in a summary's words: what was changed is known here better than there.
local function files_of(run)
  local lines = {}
  for i, file in ipairs(session.get().touched[run.id] or {}) do
    if i > FILES_MOST then break end
    lines[i] = "- " .. text.valid(file.path)
  end
  return #lines > 0 and "\n\n### Files changed so far\n" .. table.concat(lines, "\n") or ""
end

--- Estimates what a plan leaves, in the server's tokens.
local function left_after(facts, plan, said)
  local wanted, left = {}, facts.tokens
  for _, id in ipairs(plan.results or {}) do wanted[id] = true end
  local upto = said and plan.summary.upto or 0
  for i, message in ipairs(facts.messages) do
    if i > 1 and i <= upto then
      left = left - message.tokens
    else
      for _, result in ipairs(message.results) do
        local taken = wanted[result.id] and not result.taken
        if taken then left = left - math.max(0, result.tokens - NOTE_TOKENS) end
      end
    end
  end
  return math.max(0, left) + (said and #said // TOKEN_BYTES or 0)
end

--- Makes the step: asks for the plan and for the summary that it wants.
---@return table? body nil: nothing can be done, Error? err
local function make(run, self, tokens, exceeded, at)
  local facts = facts_of(self, tokens, exceeded)
  local plan, err = plan_of(run, self, facts)
  if not plan then return nil, err end
  local made, why
  if plan.summary then
    made, why = sum_up(run, self, plan.summary)
    if why then
      session.emit(run, "notice", { text = "the conversation could not be summed up: "
        .. why.message })
    end
  end
  local results = plan.results or {}
  if not made and #results == 0 then return nil end
  local said = made and ("## Summed up: what was said and done so far\n%s%s")
    :format(made.text, files_of(run))
  return { at = at, agent = self.who.name, why = exceeded and "exceeded" or "window",
    plan = plan.why, window = facts.window, tokens_before = tokens,
    tokens_after = left_after(facts, plan, said),
    results = json.array(results), upto = made and plan.summary.upto,
    summary = said, model = made and made.model, usage = made and made.usage,
    cost_usd = made and made.cost_usd, estimated = made and made.estimated }
end

--- Does again what an earlier process did before this turn, and counts what it cost then.
local function again(run, self, at)
  local body, any = past.take(run, "compaction", at), false
  while body do
    if body.summary then
      local visits = session.get().visits
      visits[compaction.AGENT] = (visits[compaction.AGENT] or 0) + 1
      asking.recharge(run, body, 0)
    end
    apply(self, body)
    body, any = past.take(run, "compaction", at), true
  end
  return any
end

local function is_due(self, tokens)
  local window = self.targets[1].context
  if not window or #self.log < 2 then return false end
  local full = window * session.get().settings.context.full // 100
  return tokens > full and tokens > (self.compacted or 0) * GROWN
end

--- Makes room in a conversation where its window is nearly full, or where the model refused it.
--- An unknown window is never nearly full.
---@async
---@param run      HostRun
---@param self     talk.Talk
---@param exceeded boolean the model says that the conversation no longer fits
---@return boolean made, Error? err a broken plan
function compaction.make_room(run, self, exceeded)
  local at = ("%s/%d/%d"):format(self.who.name, self.visit, self.turn + 1)
  if again(run, self, at) then return true end
  local tokens = tokens_now(self)
  if exceeded then tokens = math.max(tokens, self.targets[1].context or 0, estimate(self)) end
  if not exceeded and not is_due(self, tokens) then return false end
  local body, err = make(run, self, tokens, exceeded, at)
  if err then return false, err end
  if not body then
    self.compacted = tokens
    return false
  end
  session.record(run, "compaction", body)
  apply(self, body)
  return true
end

return compaction
