--- What a provider did itself within a reply, with tools of its own: searched, read a page, ran
--- code. Each use is noted, so that it is seen while it happens and stands in the turn's record;
--- what the reply cites is gathered. Pure; used by dialects, and in words by whoever shows it.
---
---   use    = { tool, what?, error?, exit_code?, files? }   tool: our name for it
---   file   = { id, name? }                                 at the provider
---   source = { url?, title? }
local text = require "lib.text"

local served = {}

local WHAT_MOST    <const> = 300 -- bytes kept of what was asked
local NAME_MOST    <const> = 200 -- of an id, a title, a file's name
local SOURCES_MOST <const> = 50
local FILES_MOST   <const> = 50
local URL_MOST     <const> = 2000

--- Somebody else's text in one line, not longer than `most`; nil for what is none.
---@param value any
---@param most? integer bytes
---@return string?
function served.line(value, most)
  if type(value) ~= "string" then return nil end
  local said = text.trim((text.valid(value):gsub("[%c%s]+", " ")))
  if said == "" then return nil end
  return text.cut_end(said, most or WHAT_MOST)
end

--- Notes a use in the state of a reply.
---@param state table
---@param use   served.Use
---@return DialectEvent event
function served.note(state, use)
  state.served = state.served or {}
  table.insert(state.served, use)
  return { kind = "served", tool = use.tool, what = use.what, error = use.error,
    exit_code = use.exit_code, files = use.files }
end

--- Adds a file that code made to those of a use.
---@param use  served.Use
---@param id   any
---@param name any
function served.add_file(use, id, name)
  id = served.line(id, NAME_MOST)
  use.files = use.files or {}
  if id and #use.files < FILES_MOST then
    table.insert(use.files, { id = id, name = served.line(name, NAME_MOST) })
  end
end

--- Adds what a text rests on, once.
---@param state table
---@param url   any
---@param title any
function served.cite(state, url, title)
  local source = { url = served.line(url, URL_MOST), title = served.line(title, NAME_MOST) }
  if not source.url and not source.title then return end
  state.sources = state.sources or {}
  for _, known in ipairs(state.sources) do
    if known.url == source.url and (source.url or known.title == source.title) then return end
  end
  if #state.sources < SOURCES_MOST then table.insert(state.sources, source) end
end

--- A use in one line for people, without what was asked.
---@param use served.Use
---@return string
function served.outcome(use)
  if use.error then return "failed: " .. use.error end
  local said = use.exit_code and use.exit_code ~= 0 and ("exit code %d"):format(use.exit_code)
    or "done"
  local names = {}
  for i, file in ipairs(use.files or {}) do
    names[i] = file.name and ("%s (%s)"):format(file.name, file.id) or file.id
  end
  if #names == 0 then return said end
  return ("%s; made %s, which stays at the provider"):format(said, table.concat(names, ", "))
end

return served
