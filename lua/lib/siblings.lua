--- Conversations that begin alike at the same time: the first fills the provider's cache with tools
--- and system prompt, and the others wait until it is answered, so that they read what it wrote.
--- The wait is short, and whoever has waited goes all the same. Host VM only.
local siblings = {}

local TOKEN_BYTES <const> = 4
local WAIT_MOST   <const> = 10000  -- ms, for the first to be answered
local FRESH       <const> = 240000 -- ms; an entry of the cache is kept for five minutes at least

---@type table<string, integer> by what a conversation begins with: when it was last sent, on the
--- loop's clock
local filled = {}

---@class siblings.Start one request's
---@field key?   string
---@field place? HostPlace held by who fills
---@field run    HostRun
local Start = {}
Start.__index = Start

--- Events by which the server shows that it has read the prompt.
local ANSWERED <const> = { usage = true, text = true, thinking = true, call = true }

local function is_fresh(run, key)
  return filled[key] ~= nil and run:clock() - filled[key] < FRESH
end

--- What the first request of a conversation shares with its siblings, where the server caches it.
local function key_of(target, talk)
  local request = talk.request
  if not target.cache_least or not request.cache_key or #request.messages > 1 then return nil end
  if request.shared_bytes // TOKEN_BYTES < target.cache_least then return nil end
  return ("prefix %s %s %s"):format(target.base_url, target.model, request.cache_key)
end

--- Waits for a sibling that began before, or is the first itself. To be closed.
---@async
---@param run      HostRun
---@param target   model.Target
---@param talk     table
---@param on_event fun(event: table) gets { kind = "waiting", cache = true } where it has to wait
---@return siblings.Start
function siblings.begin(run, target, talk, on_event)
  local self = setmetatable({ run = run, key = key_of(target, talk) }, Start)
  if not self.key or is_fresh(run, self.key) then return self end
  self.place = run:place(self.key, 1)
  if not self.place.granted then
    on_event { kind = "waiting", cache = true }
    self.place:wait(WAIT_MOST)
  end
  if is_fresh(run, self.key) then self:leave() end
  return self
end

function Start:leave()
  if self.place then self.place:leave() end
  self.place = nil
end

--- An event of the reply: the first one lets the siblings go.
---@param event table
function Start:heard(event)
  if not self.key or not ANSWERED[event.kind] then return end
  filled[self.key] = self.run:clock()
  self:leave()
end

function Start:__close() self:leave() end

return siblings
