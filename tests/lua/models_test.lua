--- Names from the field to models, without a server: the cases that whoever edits models.lua wants
--- to keep true.
local dialect = require "lib.dialect"
local model_data = require "lib.model_data"
local model = require "lib.model"
local models = require "models"
local t = require "lib.test"

local function env(changes)
  local all = { variables = {}, secrets = { ANTHROPIC_API_KEY = true } }
  for key, value in pairs(changes or {}) do all[key] = value end
  return all
end

local OWN <const> = { variables = { ANTHROPIC_BASE_URL = "http://127.0.0.1:8080/" }, secrets = {} }

--- The first model that a name leads to.
local function first(wanted, agent, where)
  local targets, err = model.resolve(wanted, agent, where or env())
  return targets and targets[1].model, err
end

t.test("the table that ships has the form that is asked of others", function()
  t.equal({ model_data.check(models) }, { models })
end)

t.test("names found in definitions lead to a model that is listed today", function()
  for name, id in pairs {
    ["claude-3-5-sonnet"] = "claude-sonnet-5-5", ["claude-3-5-haiku"] = "claude-haiku-5-5",
    ["claude-3-5-sonnet-20241022"] = "claude-sonnet-5-5",
    ["claude-3-opus-20240229"] = "claude-opus-5-5",
    ["claude-3.7-sonnet"] = "claude-sonnet-5-5", ["claude-sonnet-4-20250514"] = "claude-sonnet-5-5",
    ["claude-opus-4-1-20250805"] = "claude-opus-5-5", ["claude-4-sonnet"] = "claude-sonnet-5-5",
    ["anthropic/claude-3.5-sonnet"] = "claude-sonnet-5-5",
    ["Claude 3.5 Sonnet"] = "claude-sonnet-5-5",
    ["us.anthropic.claude-3-haiku-20240307-v1:0"] = "claude-haiku-5-5",
    ["claude-2.1"] = "claude-sonnet-5-5", ["claude-instant-1.2"] = "claude-haiku-5-5",
    sonnet = "claude-sonnet-5-5", opus = "claude-opus-5-5", haiku = "claude-haiku-5-5",
    Sonnet = "claude-sonnet-5-5", ["sonnet[1m]"] = "claude-sonnet-5-5",
    opusplan = "claude-opus-5-5",
    large = "claude-opus-5-5", medium = "claude-sonnet-5-5", small = "claude-haiku-5-5",
    ["gpt-4o"] = "claude-sonnet-5-5", ["gpt-4o-mini"] = "claude-haiku-5-5",
    ["gpt-5"] = "claude-opus-5-5",
    ["gpt-3.5-turbo"] = "claude-haiku-5-5", ["openai/gpt-4.1"] = "claude-sonnet-5-5",
    ["o3-mini"] = "claude-haiku-5-5", o3 = "claude-opus-5-5",
    ["gemini-2.5-pro"] = "claude-opus-5-5",
    ["claude-opus-5-5"] = "claude-opus-5-5",
    ["claude-haiku-4-5-20251001"] = "claude-haiku-4-5-20251001",
    ["claude-sonnet-6"] = "claude-sonnet-6", -- newer than this table
  } do
    t.equal(first(name), id, name)
  end
end)

t.test("a definition's model is taken, else the tier of its complexity", function()
  t.equal(first(nil, { model = "haiku", complexity = "complex" }), "claude-haiku-5-5")
  t.equal(first(nil, { complexity = "complex" }), "claude-opus-5-5")
  t.equal(first(nil, { model = "", complexity = "simple" }), "claude-haiku-5-5")
  t.equal(first(nil, { complexity = "unheard of" }), "claude-sonnet-5-5")
  t.equal(first(nil, nil), "claude-sonnet-5-5")
end)

t.test("inherit is what the asking agent uses, and its own tier where nobody asks", function()
  t.equal(first(nil, { model = "inherit", inherit = { "opus" } }), "claude-opus-5-5")
  t.equal(first(nil, { model = "inherit", complexity = "simple" }), "claude-haiku-5-5")
  t.equal(first(nil, { model = "Inherit", inherit = { "opus" } }), "claude-opus-5-5")
  t.equal(first({ "inherit", "haiku" }, { inherit = { "opus" } }), "claude-opus-5-5")
  t.equal(first("inherit"), "claude-sonnet-5-5")
end)

local function ids(wanted, agent)
  local list = {}
  for i, target in ipairs(model.resolve(wanted, agent, env())) do list[i] = target.model end
  return table.concat(list, " ")
end

t.test("a tier is tried in order, then a cheaper one, unless the choice was the user's", function()
  t.equal(ids("opus"), "claude-opus-5-5 claude-opus-5 claude-sonnet-5-5 claude-sonnet-5")
  t.equal(ids("opus", { exact = true }), "claude-opus-5-5 claude-opus-5")
  t.equal(ids { "small", "claude-haiku-5-5", "small" }, "claude-haiku-5-5 claude-haiku-4-5")
end)

t.test("a missing key says what to set, and what needs none", function()
  local targets, err = model.resolve("sonnet", nil, env { secrets = {} })
  t.falsy(targets)
  t.equal({ err.code, err.retryable }, { "unavailable", false })
  for _, part in ipairs { '"sonnet"', "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL",
    "--model rehearsal:FILE" } do
    t.contains(err.message, part)
  end
end)

t.test("an unknown name is an error that says where the names are", function()
  local _, err = first("banana")
  t.equal(err.code, "not_found")
  t.contains(err.message, '"banana"')
  t.contains(err.message, "perigee models list")
end)

t.test("a server of one's own needs no key and may have names of its own", function()
  local targets = model.resolve("qwen3-coder", nil, OWN)
  t.equal({ targets[1].model, targets[1].base_url, targets[1].own },
    { "qwen3-coder", "http://127.0.0.1:8080", true })
  t.falsy(targets[1].secret)
  t.falsy(targets[1].prices, "its prices are not known")
  targets = model.resolve("sonnet", nil, OWN)
  t.equal({ #targets, targets[1].model }, { 1, "claude-sonnet-5-5" }, "one server is one try")
end)

t.test("a key is named, never held", function()
  local target = model.resolve("sonnet", nil, env())[1]
  t.equal({ target.secret, target.base_url }, { "ANTHROPIC_API_KEY", "https://api.anthropic.com" })
end)

t.test("only a server of one's own may be asked in the older form", function()
  t.falsy(model.resolve("sonnet", nil, env())[1].may_be_legacy)
  t.equal(model.resolve("sonnet", nil, OWN)[1].may_be_legacy, true)
end)

t.test("a rehearsal needs neither key nor server", function()
  local nothing = { variables = {}, secrets = {} }
  local target = model.resolve("rehearsal:lua/scenarios/demo.lua", nil, nothing)[1]
  t.equal({ target.dialect, target.scenario }, { "rehearsal", "lua/scenarios/demo.lua" })
  t.falsy(model.cost(target, { input = 5, output = 5 }))
end)

t.test("a project changes names and tiers, never servers or prices", function()
  local data = model_data.overlay(models,
    { aliases = { tiny = "small" }, tiers = { large = { "claude-fable-5-1" } } })
  local where = env { models = data }
  t.equal(first("tiny", nil, where), "claude-haiku-5-5")
  t.equal(first("opus", nil, where), "claude-fable-5-1")
  t.equal(model.resolve("opus", nil, where)[1].base_url, "https://api.anthropic.com")
  t.equal(first("opus"), "claude-opus-5-5", "the distribution's table is as it was")
  for key, value in pairs {
    providers = { anthropic = { base_url = "https://elsewhere.example" } }, models = {},
    limits = {}, aliass = {}, tiers = { large = "claude-opus-5-5" },
    complexity = { simple = "none" },
  } do
    local none, why = model_data.overlay(models, { [key] = value })
    t.falsy(none, key)
    t.contains(why, key)
  end
end)

t.test("a definition cannot have a scenario loaded, which is Lua", function()
  local none, err = model.resolve(nil, { model = "rehearsal:/tmp/evil.lua" }, env())
  t.falsy(none)
  t.contains(err.message, "no model is called")
end)

-- other makers, other servers ----------------------------------------------------------------------

local OPENAI <const> = { variables = {}, secrets = { OPENAI_API_KEY = true } }

t.test("with a key of OpenAI's the tiers lead there, and its own names keep their dots", function()
  for name, id in pairs { sonnet = "gpt-6.1-terra", opus = "gpt-6.1-sol", small = "gpt-6-luna",
    ["gpt-6.1-terra"] = "gpt-6.1-terra", ["openai/gpt-6.1-terra"] = "gpt-6.1-terra",
    ["GPT-5.4 mini"] = "gpt-5.4-mini", ["gpt-7.2-new"] = "gpt-7.2-new",
    ["claude-opus-5-5"] = "gpt-6.1-sol", ["claude-sonnet-5"] = "gpt-6.1-terra" } do
    t.equal(first(name, nil, OPENAI), id, name)
  end
  local target = model.resolve("gpt-6-sol", nil, OPENAI)[1]
  t.equal({ target.dialect, target.base_url, target.secret },
    { "openai_responses", "https://api.openai.com/v1", "OPENAI_API_KEY" })
end)

t.test("what the user named is not replaced for want of a key", function()
  local _, err = first("claude-opus-5-5", { exact = true }, OPENAI)
  t.equal(err.code, "unavailable")
  t.contains(err.message, "ANTHROPIC_API_KEY")
end)

t.test("a server at OPENAI_BASE_URL is spoken to as most servers of others want it", function()
  local target = model.resolve("qwen3:8b", nil,
    { variables = { OPENAI_BASE_URL = "http://127.0.0.1:11434/v1/" }, secrets = {} })[1]
  t.equal({ target.model, target.dialect, target.base_url, target.may_be_legacy },
    { "qwen3:8b", "openai_chat", "http://127.0.0.1:11434/v1", true })
end)

t.test("a key alone leads the tiers to its provider", function()
  for secret, wanted in pairs {
    DEEPSEEK_API_KEY = { large = "deepseek-v4-pro", medium = "deepseek-flash",
      small = "deepseek-flash", ["deepseek-chat"] = "deepseek-flash",
      ["DeepSeek-V5 new"] = "deepseek-v5-new" },
    GROQ_API_KEY = { large = "openai/gpt-oss-120b", medium = "openai/gpt-oss-120b",
      small = "openai/gpt-oss-20b", ["groq/some/other"] = "some/other" },
    OPENROUTER_API_KEY = { large = "anthropic/claude-opus-5.5",
      medium = "~anthropic/claude-sonnet-latest", small = "openai/gpt-oss-120b",
      ["mistralai/anything"] = "mistralai/anything", ["openrouter/auto"] = "openrouter/auto",
      ["deepseek/deepseek-chat"] = "deepseek/deepseek-chat" },
  } do
    for name, id in pairs(wanted) do
      local targets = model.resolve(name, nil, { variables = {}, secrets = { [secret] = true } })
      t.equal({ targets[1].model, targets[1].secret }, { id, secret }, name)
    end
  end
  local both = { variables = {}, secrets = { ANTHROPIC_API_KEY = true, OPENROUTER_API_KEY = true } }
  t.equal(first("anthropic/claude-sonnet-5-5", nil, both), "claude-sonnet-5-5",
    "who can be asked itself is asked itself")
end)

t.test("what names a model of such a provider names it again, as one that is inherited", function()
  local where = { variables = {}, secrets = { GROQ_API_KEY = true } }
  local target = model.resolve("medium", nil, where)[1]
  t.equal({ target.named, target.context }, { "groq/openai/gpt-oss-120b", 131072 })
  t.equal(first(target.named, nil, where), "openai/gpt-oss-120b")
  t.equal(model.resolve("groq/some/other", nil, where)[1].named, "groq/some/other")
  t.falsy(model.resolve("claude-sonnet-5-5", nil, env())[1].named)
end)

t.test("a server of this machine is asked without a key, by its name or its variable", function()
  local function address(variables, name)
    local target = model.resolve(name, nil, { variables = variables, secrets = {} })[1]
    return target.base_url .. " " .. target.model
  end
  t.equal(address({}, "ollama/qwen3:8b"), "http://127.0.0.1:11434/v1 qwen3:8b")
  t.equal(address({}, "vllm/org/model"), "http://127.0.0.1:8000/v1 org/model")
  t.equal(address({}, "llamacpp/any"), "http://127.0.0.1:8080/v1 any")
  for said, wanted in pairs {
    ["127.0.0.1"] = "http://127.0.0.1:11434/v1", ["0.0.0.0:7000"] = "http://127.0.0.1:7000/v1",
    [":7000"] = "http://127.0.0.1:7000/v1", ["box.lan"] = "http://box.lan:11434/v1",
    ["https://box.lan"] = "https://box.lan/v1", ["http://box.lan:1/"] = "http://box.lan:1/v1",
    ["https://box.lan/ollama/v1/"] = "https://box.lan/ollama/v1",
    ["unix:/run/o.sock:/v1"] = "unix:/run/o.sock:/v1",
  } do
    t.equal(address({ OLLAMA_HOST = said }, "qwen3:8b"), wanted .. " qwen3:8b", said)
  end
  t.equal(address({ OLLAMA_HOST = "127.0.0.1", OPENAI_BASE_URL = "http://here/v1" }, "qwen3:8b"),
    "http://here/v1 qwen3:8b", "what was named for us goes first")
  local where = { variables = { OLLAMA_HOST = "127.0.0.1" }, secrets = { ANTHROPIC_API_KEY = true } }
  t.equal(first("gemini-2.5-pro", nil, where), "claude-opus-5-5",
    "a server that is named for other programs takes no definition's foreign names")
end)

t.test("what a row says of a model holds under both of its names", function()
  local data = model_data.added({ add = { models = {
    ["ollama/qwen3:8b"] = { provider = "ollama", context = 32768 },
    ["lab-large"] = { provider = "vllm", context = 1000 } } } }, models)
  local function context(name)
    return model.resolve(name, nil, { models = data, secrets = {},
      variables = { OLLAMA_HOST = "127.0.0.1" } })[1].context
  end
  t.equal({ context "ollama/qwen3:8b", context "qwen3:8b" }, { 32768, 32768 })
  t.equal({ context "vllm/lab-large", context "lab-large" }, { 1000, 1000 })
  t.falsy(context "llamacpp/lab-large", "another server's model of that name is another")
end)

t.test("what is said of the servers that ship is what their dialects know", function()
  t.truthy(dialect.check_habits(models, {}))
  local _, err = dialect.check_habits({ providers = { x = { dialect = "openai_chat",
    habits = { legnth = "max_tokens" } } } }, {})
  t.contains(err.message, 'did you mean "length"?')
  t.truthy(dialect.check_habits({ providers = { x = { dialect = "anthropic",
    habits = { form = "no" } } } }, {}), "any server may take no schema")
  local guests = { mine = { habits = { mood = { "good", "bad" } } } }
  local function of(habits) return { providers = { x = { dialect = "mine", habits = habits } } } end
  t.truthy(dialect.check_habits(of { mood = "bad" }, guests))
  t.falsy(dialect.check_habits(of { mood = "best" }, guests))
end)

t.test("a user's few lines stand over what ships, and are checked as it is", function()
  local data = model_data.added({ add = { tiers = { medium = { "qwen3:8b" } },
    providers = { here = { dialect = "openai_chat", base_url = "http://127.0.0.1:1/v1" } },
    models = { ["qwen3:8b"] = { provider = "here" } } } }, models)
  t.truthy(model_data.check(data))
  local target = model.resolve("sonnet", nil,
    { models = data, variables = {}, secrets = {} })[1]
  t.equal({ target.model, target.provider, target.own }, { "qwen3:8b", "here", false })
  t.falsy(target.secret)
  t.equal(first("opus"), "claude-opus-5-5", "the distribution's table is as it was")
  for _, file in ipairs { { add = 3 }, { add = {}, tiers = {} }, { add = { prices = {} } },
    { add = { tiers = "x" } } } do
    local none, why = model_data.added(file, models)
    t.falsy(none)
    t.contains(why, "add")
  end
end)

-- prices ------------------------------------------------------------------------------------------

local function near(got, wanted) t.truthy(math.abs(got - wanted) < 1e-12, tostring(got)) end

t.test("a cost counts every kind of token", function()
  local target = model.resolve("claude-opus-5-5", nil, env())[1]
  near(model.cost(target, { input = 1000, output = 100, cache_read = 10000, cache_write = 200 }),
    (1000 * 4 + 100 * 20 + 10000 * 0.20 + 200 * 5) / 1e6)
end)

t.test("a long prompt has its own price where the page says so", function()
  local target = model.resolve("haiku", nil, env())[1]
  near(model.cost(target, { input = 100000, output = 10 }), (100000 * 0.10 + 10 * 0.50) / 1e6)
  near(model.cost(target, { input = 1, output = 10, cache_read = 100000 }),
    (1 * 0.50 + 10 * 2.50 + 100000 * 0.05) / 1e6)
  near(model.cost(target, { input = 0, output = 0, searches = 3 }), 0.03)
  t.falsy(model.cost({ prices = { input = 1, output = 1 } }, { input = 1, output = 1, searches = 1 }), "no price of a search")
end)

t.test("a cost that is not known is absent, not guessed", function()
  local unknown = model.resolve("claude-fable-5-2", nil, env())[1]
  t.falsy(model.cost(unknown, { input = 1, output = 1 }))
  t.falsy(model.cost(model.resolve("haiku", nil, env())[1], nil))
  local no_cache_price = model.resolve("claude-haiku-4-5", nil, env())[1]
  t.falsy(model.cost(no_cache_price, { input = 1, output = 1, cache_read = 5 }))
end)

t.test("every price says where it stands and when it was read", function()
  for id, facts in pairs(models.models) do
    local prices = facts.prices
    if prices then
      local own = facts.provider == "anthropic"
      t.truthy(prices.source:find(own and "^platform%.claude%.com/" or "^[%w.-]+%.%a+/"), id)
      t.truthy(prices.date:find("^%d%d%d%d%-%d%d%-%d%d$"), id)
    end
  end
end)

t.test("every tier, fallback, alias and rule leads to something that exists", function()
  for tier, list in pairs(models.tiers) do
    for _, id in ipairs(list) do t.truthy(models.models[id], tier .. ": " .. id) end
    t.truthy(models.fallbacks[tier], tier)
  end
  local function tier_or_model(name) return models.tiers[name] or models.models[name] end
  for alias, name in pairs(models.aliases) do t.truthy(tier_or_model(name), alias) end
  for word, tier in pairs(models.complexity) do t.truthy(models.tiers[tier], word) end
  for _, rules in ipairs { models.retired, models.others } do
    for _, rule in ipairs(rules) do t.truthy(models.tiers[rule[2]], rule[1]) end
  end
  for id, facts in pairs(models.models) do t.truthy(models.providers[facts.provider], id) end
end)
