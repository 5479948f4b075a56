--- Which models are let be for a while, since they failed just now: later conversations of all runs
--- begin with the next of their list at once. Host VM only.
local cooldown = {}

local MOST <const> = 10 -- times `cooldown_ms`: the longest, where the server asks for more

---@type table<string, { till: integer, why: string }> by server, or by server and model
local resting = {}

local function key(target) return target.base_url .. " " .. target.model end

--- Whether an error says something of this model only: a server that gave no answer has none for
--- its other models.
---@param err Failure
---@return boolean
function cooldown.is_of_model(err)
  local details = err.details or {}
  return details.status ~= nil or details.in_stream == true
end

--- Notes that a model was not to be had, after all attempts.
---@param target model.Target
---@param err    Failure
---@param now    integer on the loop's clock
function cooldown.note(target, err, now)
  local least = target.limits.cooldown_ms
  if not err.retryable or least == 0 then return end
  local asked = err.details and err.details.retry_after_ms or 0
  local name = cooldown.is_of_model(err) and key(target) or target.base_url
  resting[name] = { till = now + math.min(math.max(least, asked), least * MOST),
    why = err.message }
end

--- A reply shows that it is to be had again.
---@param target model.Target
function cooldown.clear(target) resting[key(target)], resting[target.base_url] = nil, nil end

--- How long a model is still let be, and why; nil when it is not.
---@param target model.Target
---@param now    integer
---@return integer? ms, string? why
function cooldown.left(target, now)
  for _, name in ipairs { key(target), target.base_url } do
    local rest = resting[name]
    if rest and rest.till > now then return rest.till - now, rest.why end
  end
end

--- `targets` with those that rest behind the others, and what to say of the first where it was
--- passed over.
---@param targets model.Target[]
---@param now     integer
---@return model.Target[] ordered, string? why
function cooldown.order(targets, now)
  local ready, late, why = {}, {}, nil
  for _, target in ipairs(targets) do
    local left, because = cooldown.left(target, now)
    local list = left and late or ready
    list[#list + 1] = target
    if left and target == targets[1] then
      why = ("%s failed just now and rests for %d s more: %s"):format(target.model,
        math.ceil(left / 1000), because)
    end
  end
  if #ready == 0 then return targets end
  return table.move(late, 1, #late, #ready + 1, ready), why
end

return cooldown
