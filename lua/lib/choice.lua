--- Which agent fits a task, by words: names, what descriptions claim ("MUST BE USED for ..."),
--- roles and descriptions, ranked by bm25. Pure.
local concepts = require "lib.concepts"
local rank     = require "lib.rank"
local text     = require "lib.text"

local choice = {}

local WORDS_MOST <const> = 40    -- of a task; what it is about stands at its beginning
local MEANT_MOST <const> = 24    -- words that these mean besides
local WORD_MOST  <const> = 60    -- bytes
local TASK_MOST  <const> = 4000  -- bytes that are looked at
local ABOUT_MOST <const> = 600   -- bytes of a description
local ROLE_MOST  <const> = 300
local WORK_MOST  <const> = 1200  -- bytes of the lists that say what an agent does
local LEAST_WORD <const> = 2     -- letters

--- Words that say how a sentence is built and not what it is about.
local EMPTY <const> = {}
for word in ([[
  a about after all also am an and any are as at be been before but by can could did do does
  done for from get got had has have he her here him his how i if in into is it its just let
  like may me must my need needs no nor not now of off on once only or our out over please she
  should so some such than that the their them then there these they this those to too until
  up us use used using very want was we were what when where which while who whom whose why
  will with would you your
]]):gmatch("%S+") do EMPTY[word] = true end

--- How much a word counts in: the name, what a description claims, the role, the description, the
--- lists of its work.
local WEIGHTS <const> = { 5, 3, 3, 2, 0.5 }

--- How much a word counts that the task does not say, by how many of its words mean it.
local MEANT <const> = { 0.5, 0.75, 1 }

--- Words that say on which level somebody works, and those of a task that ask for it. Most work is
--- for those who do it, not for those who lead them or learn from them.
local LEVELS <const> = {
  { factor = 0.6, asked = 1.2,
    bears = { "director", "leadership", "executive", "chief", "vp", "cto", "coo", "ceo", "head" },
    asks = { "strategy", "strategic", "vision", "budget", "hire", "hiring", "board", "headcount",
      "company", "teams", "department", "leadership", "management", "roadmap", "standard" } },
  { factor = 0.6, asked = 1.2,
    bears = { "junior", "associate", "intern", "assistant", "trainee" },
    asks = { "basic", "simple", "small", "trivial", "hand", "manual", "manually", "junior",
      "beginner", "learn" } },
}

--- What an author writes before the work that an agent claims for itself, the strongest first.
local CLAIMS <const> = { "must be used", "proactively", "use this agent", "always use", "use for",
  "use when" }

---@class choice.Ranked
---@field name  string
---@field score number above 0
---@field words string[] of the task, found in what the agent says of itself
---@field meant string[] what words of the task mean, found there

--- The words of a task that a ranking can go by, each once.
---@param task string
---@return string[] words
function choice.words(task)
  local words, seen = {}, {}
  for word in text.cut_end(task, TASK_MOST):lower():gmatch("[%w\x80-\xFF]+") do
    if #word >= LEAST_WORD and #word <= WORD_MOST and not EMPTY[word] and not seen[word] then
      seen[word] = true
      words[#words + 1] = word
      if #words == WORDS_MOST then break end
    end
  end
  return words
end

--- Where the sentence that holds `at` begins and ends.
local function sentence_around(s, at)
  local from, to = 1, #s
  local before = s:sub(1, at):match("^.*[.!?\n]%s+()")
  if before and before <= at then from = before end
  local after = s:find("[.!?\n]+%s", at)
  if after then to = after end
  return from, to
end

--- A description in two: the sentence that claims work, and the rest. A catalog has thousands: most
--- descriptions are passed on after one look.
local function claims_of(description)
  description = text.cut_end(description, ABOUT_MOST)
  local low = description:lower()
  if not low:find("use", 1, true) and not low:find("proactively", 1, true) then
    return "", description
  end
  for _, phrase in ipairs(CLAIMS) do
    local at = low:find(phrase, 1, true)
    if at then
      local from, to = sentence_around(description, at)
      return description:sub(from, to), description:sub(1, from - 1) .. description:sub(to + 1)
    end
  end
  return "", description
end

--- What a prompt says of who the agent is: its first sentence, and lines such as "Role: ...".
---@param body string
---@return string role
function choice.role(body)
  local lines = {}
  for line in body:gmatch("[^\r\n]+") do
    if line:find("%S") and not line:find("^%s*[#`>|!<]") then
      lines[1] = line:match("^.-[.!?]%f[%s\0]") or line
      break
    end
  end
  for _, word in ipairs { "Role", "Specialization", "Department" } do
    lines[#lines + 1] = body:match("\n%s*[-*]?%s*%**" .. word .. "%**:%**%s*([^\r\n]+)")
  end
  return text.cut_end(table.concat(lines, "\n"), ROLE_MOST)
end

local WORK <const> = { "responsib", "expert", "focus", "capabilit", "skill", "competenc", "special",
  "scope", "duties", "when to use", "what you do" }

local function is_work(title)
  title = title:lower()
  for _, part in ipairs(WORK) do
    if title:find(part, 1, true) then return true end
  end
  return false
end

--- The lists of a prompt that say what the agent does; lists of whom it works with are none.
---@param blocks table[] the outline of its body
---@param most?  integer bytes
---@return string work
function choice.work(blocks, most)
  most = math.min(most or WORK_MOST, WORK_MOST)
  local lines, size, within = {}, 0, false
  for _, block in ipairs(blocks) do
    if size >= most then break end
    if block.kind == "heading" then
      within = is_work(block.clean)
    elseif within and block.kind == "item" then
      lines[#lines + 1] = block.clean
      size = size + #block.clean + 1
    end
  end
  return text.cut_end(table.concat(lines, "\n"), most)
end

--- Words to rank by, with how much each counts: those of the task, then what they mean.
local function weighed(task)
  local words, weights = choice.words(task), {}
  local said = #words
  local meant, counts = concepts.of(words)
  for i = 1, said do weights[i] = 1 end
  for i = 1, math.min(#meant, MEANT_MOST) do
    words[said + i] = meant[i]
    weights[said + i] = MEANT[math.min(counts[meant[i]], #MEANT)]
  end
  return words, weights, said
end

local function holds_one(s, words)
  for _, word in ipairs(words) do
    if s:find("%f[%w]" .. word .. "%f[%W]") then return true end
  end
  return false
end

--- How far an agent's level is what the task asks for.
local function level_of(who, task)
  local said = (who.name .. "\n" .. (who.role or "")):lower()
  for _, level in ipairs(LEVELS) do
    if holds_one(said, level.bears) then
      return holds_one(task, level.asks) and level.asked or level.factor
    end
  end
  return 1
end

--- Words of the task that were found, and what of its meaning.
local function split(found, of_task)
  local words, meant = {}, {}
  for _, word in ipairs(found) do
    local list = of_task[word] and words or meant
    list[#list + 1] = word
  end
  return words, meant
end

--- The agents that have something to do with a task, the best first.
---@param task   string
---@param agents { name: string, description: string?, role: string?, work: string? }[]
---@return choice.Ranked[] ranked
function choice.rank(task, agents)
  local words, weights, said = weighed(task)
  local texts, of_task, ranked = {}, {}, {}
  for i = 1, said do of_task[words[i]] = true end
  for i, who in ipairs(agents) do
    local claims, about = claims_of(who.description or "")
    texts[i] = { who.name, claims, who.role or "", about, who.work or "" }
  end
  if #words == 0 or #texts == 0 then return ranked end
  local low = text.cut_end(task, TASK_MOST):lower()
  for i, hit in ipairs(rank.scores(words, texts, WEIGHTS, weights)) do
    if hit.score > 0 then
      local one = { name = agents[i].name, score = hit.score * level_of(agents[i], low) }
      one.words, one.meant = split(hit.words, of_task)
      ranked[#ranked + 1] = one
    end
  end
  table.sort(ranked, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.name < b.name
  end)
  return ranked
end

return choice
