--- Which agent fits a task, by words: names, what descriptions claim ("MUST BE USED for ..."),
--- roles and descriptions, ranked by bm25. Pure.
local rank = require "lib.rank"
local text = require "lib.text"

local choice = {}

local WORDS_MOST <const> = 60    -- of a task; what it is about stands at its beginning
local WORD_MOST  <const> = 60    -- bytes
local TASK_MOST  <const> = 4000  -- bytes that are looked at
local ABOUT_MOST <const> = 600   -- bytes of a description
local ROLE_MOST  <const> = 300
local LEAST_WORD <const> = 2     -- letters

--- Words that say how a sentence is built and not what it is about.
local EMPTY <const> = {}
for word in ([[
  a about after all also am an and any are as at be been before but by can could did do does done
  for from get got had has have he her here him his how i if in into is it its just let like may me
  must my need needs no nor not now of on once only or our out please she should so some such than
  that the their them then there these they this those to too until up us use used using very want
  was we were what when where which while who whom whose why will with would you your
]]):gmatch("%S+") do EMPTY[word] = true end

--- How much a word counts in: the name, what a description claims, the role, the description.
local WEIGHTS <const> = { 5, 4, 3, 1 }

--- What an author writes before the work that an agent claims for itself, the strongest first.
local CLAIMS <const> = { "must be used", "proactively", "use this agent", "always use", "use for",
  "use when" }

---@class choice.Ranked
---@field name  string
---@field score number above 0
---@field words string[] of the task, found in what the agent says of itself

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

--- The agents that have something to do with a task, the best first.
---@param task   string
---@param agents { name: string, description: string?, role: string? }[]
---@return choice.Ranked[] ranked
function choice.rank(task, agents)
  local words, texts = choice.words(task), {}
  for i, who in ipairs(agents) do
    local claims, about = claims_of(who.description or "")
    texts[i] = { who.name, claims, who.role or "", about }
  end
  local ranked = {}
  if #words == 0 or #texts == 0 then return ranked end
  for i, hit in ipairs(rank.scores(words, texts, WEIGHTS)) do
    if hit.score > 0 then
      ranked[#ranked + 1] = { name = agents[i].name, score = hit.score, words = hit.words }
    end
  end
  table.sort(ranked, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.name < b.name
  end)
  return ranked
end

return choice
