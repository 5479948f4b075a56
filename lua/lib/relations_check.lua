--- What a catalog's relations and fields leave open, as diagnostics
--- { rule, level, file, line, column, message }, sorted by file and line.
---
---   missing-field    error: no name. warning: no description
---   duplicate-name   error: two files, one name; both are named
---   dangling         warning: a name that no agent has; the nearest is proposed
---   cut-short        warning: a name whose last word is missing, or that is only an agent's ending
local relations_check = {}

local MOST_WORDS_COMPARED = 12

-- Words that say nothing about who is meant.
local COMMON = { guardian = true, agent = true }

local function words_of(name)
  local words, count = {}, 0
  for word in name:lower():gmatch("%w+") do
    if not COMMON[word] and not word:find("^%d+$") and count < MOST_WORDS_COMPARED then
      count = count + 1
      words[word] = true
    end
  end
  return words, count
end

--- The name that shares most words with `target`, at least two thirds of them; nil when several do.
local function nearest(target, catalog)
  local wanted, wanted_count = words_of(target)
  local best, score, ties = nil, 0, 0
  for _, other in ipairs(catalog) do
    local shared = 0
    for word in pairs(wanted) do
      if other.words[word] then shared = shared + 1 end
    end
    local value = 2 * shared / math.max(1, wanted_count + other.count)
    if value > score then best, score, ties = other.name, value, 0
    elseif value == score then ties = ties + 1 end
  end
  return score >= 2 / 3 and ties == 0 and best or nil
end

local function check_fields(definition, add)
  local fields = definition.fields
  if not definition.name or definition.name == "" then
    add("missing-field", "error", definition, 1, "the front matter has no `name`")
  end
  if fields and (not fields.description or fields.description == "") then
    add("missing-field", "warning", definition, definition.line or 1,
      "the front matter has no `description`; nobody can tell what the agent is for")
  end
end

local function check_edge(edge, names, said, add)
  local key = table.concat({ edge.file or "", edge.target, edge.resolved }, "\0")
  if edge.target == "" or said[key] then return end
  if edge.resolved == "none" then
    local guess = nearest(edge.target, names)
    local proposal = guess and ("; nearest is `%s`"):format(guess) or ""
    add("dangling", "warning", edge, edge.line,
      ("%s names `%s`, and no agent has that name%s"):format(edge.kind, edge.target, proposal))
  elseif edge.resolved == "cut" or edge.resolved == "suffix" then
    add("cut-short", "warning", edge, edge.line, ("%s names `%s`, which is read as `%s`"):format(
      edge.kind, edge.target, edge.to))
  else
    return
  end
  said[key] = true
end

--- Checks a catalog.
---@param catalog table[] definitions: { name, file, line?, fields? = { description }, blocks }
---@param relations table the module lib.relations
---@return table[] diagnostics as above
function relations_check.check(catalog, relations)
  local out, first, names, said = {}, {}, {}, {}
  local function add(rule, level, where, line, message)
    out[#out + 1] = {
      rule = rule, level = level, file = where.file, line = line, column = 1, message = message,
    }
  end
  for _, definition in ipairs(catalog) do
    local name = definition.name
    check_fields(definition, add)
    if name and first[name] then
      add("duplicate-name", "error", definition, definition.line or 1,
        ("`%s` is also the name of %s, which is used"):format(name, first[name]))
    elseif name and name ~= "" then
      local words, count = words_of(name)
      first[name] = definition.file
      names[#names + 1] = { name = name, words = words, count = count }
    end
  end
  for _, edge in ipairs(relations.graph(catalog)) do check_edge(edge, names, said, add) end
  for place, diagnostic in ipairs(out) do diagnostic.place = place end
  table.sort(out, function(a, b)
    if a.file ~= b.file then return tostring(a.file) < tostring(b.file) end
    if a.line ~= b.line then return a.line < b.line end
    return a.place < b.place
  end)
  for _, diagnostic in ipairs(out) do diagnostic.place = nil end
  return out
end

return relations_check
