--- Which models there are, what they are called in the field, and who answers for which work. Data
--- only; lib/model.lua reads it. A project may change names and tiers; servers, secrets and prices
--- come from here, from the environment, or from the user's own models.lua.
---
--- Model ids: @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20), openai 7.57.0 (npm, 2026-11-13),
--- groq-sdk 1.6.0 (npm, 2026-08-25) and, for what came after that, the pages named below. Windows,
--- output limits and prices: copies of the pages named below, read 2026-11-22 and 2026-11-23. What
--- neither says is absent here, and a cost that cannot be computed is absent too.
local PAGES <const> = "platform.claude.com/docs/en/models/"
local PRICES <const> = "platform.claude.com/docs/en/about-claude/pricing"

--- Dollars for one search of the provider's own tool; the tokens that it brings cost beside that.
--- Anthropic: "$10 per 1,000 searches", anthropic.com/news/web-search-api (a copy read 2026-11-23);
--- pages that are read cost nothing beside their tokens. OpenAI: $10 for 1,000 calls, its page
--- developers.openai.com/api/docs/pricing as others quote it, and a bill of 119 searches over
--- $1.19 in its forum (thread 1369991), both read 2026-11-23. Machines that run code are paid by
--- container and time, of which no reply speaks: that is not counted, and said to be missing.
local SEARCH <const> = 0.01

--- Dollars for a million tokens.
local function dollars(source, input, output, cache_read, cache_write)
  return { input = input, output = output, cache_read = cache_read, cache_write = cache_write,
    search = SEARCH, source = source, date = "2026-11-22" }
end

--- Prices of OpenAI's as others repeat them, read 2026-11-23; above 272,000 tokens of a prompt the
--- whole request costs double for what goes in and half as much again for what comes out.
---@param source? string nothing is said of size and price without one
---@param marks?  boolean it takes marks for its cache: from gpt-5.6 on (openai 7.57.0)
---@param retires? string day on which it is shut down
local function openai(source, prices, marks, retires)
  local facts = { provider = "openai", thinking = "adaptive", effort = true, prices = prices,
    marks = marks, retires = retires }
  if not source then return facts end
  facts.context, facts.max_output = 1050000, 128000
  if not prices then return facts end
  local function times(price, factor) return price and price * factor end
  prices.source, prices.date, prices.search = source, "2026-11-23", SEARCH
  prices.above = { tokens = 272000, input = prices.input * 2, output = prices.output * 1.5,
    cache_read = times(prices.cache_read, 2), cache_write = times(prices.cache_write, 2) }
  return facts
end

local LITELLM <const> = "docs.litellm.ai/blog/"
local GPT_6 <const> = LITELLM .. "gpt_6_sol_luna; github.com/merefield/codexometer v0.18.4"
local GPT_6_2 <const> = "github.com/BerriAI/litellm/discussions/52347; docs.laozhang.ai"

local SHUT_DOWN <const> = "2027-04-01" -- as type ChatModel of openai 7.57.0 announces

--- DeepSeek's dearer hours (01:00 to 04:00 and 06:00 to 10:00 UTC on working days); the rest of the
--- time it is half, and a budget must not be overrun by the hour.
local function deepseek(sees, input, output, cache_read)
  return { provider = "deepseek", context = 1000000, max_output = 384000, effort = true,
    sees = sees, prices = { input = input, output = output, cache_read = cache_read,
      source = "api-docs.deepseek.com/quick_start/pricing", date = "2026-11-15" } }
end

local OPUS_4 <const> = dollars(PRICES, 5, 25, 0.50, 6.25)
local HAIKU_4_5 <const> = dollars(PAGES .. "opus-5/overview", 1, 5)
local HAIKU_5_5 <const> = dollars(PAGES .. "haiku-5-5/overview", 0.10, 0.50, 0.01, 0.125)
HAIKU_5_5.above = { -- every token of a request with a longer prompt
  tokens = 100000, input = 0.50, output = 2.50, cache_read = 0.05, cache_write = 0.625,
}

local function adaptive(prices)
  return { provider = "anthropic", context = 1000000, max_output = 128000, thinking = "adaptive",
    effort = true, prices = prices }
end

return {
  -- Who serves. `legacy`: a server other than the provider's own that refuses a request is asked
  -- once more in the older form ("refused"), always in it ("always"), or never ("never"). One
  -- without `secret` needs no key, nor does one that is `keyless`. `at_once`: requests at a time
  -- under one key, at most; where it is absent, that of `limits`. `cache_least`: tokens of the
  -- shortest prompt that it caches; one without is not known to cache. `fills`: what the variable's
  -- value leaves out (scheme, port, path) is that of `base_url`. `habits`: how it differs from
  -- others that speak its dialect. One without `owns` has models named PROVIDER/ID.
  providers = {
    anthropic = {
      dialect = "anthropic",
      base_url = "https://api.anthropic.com", base_url_variable = "ANTHROPIC_BASE_URL",
      secret = "ANTHROPIC_API_KEY",
      cache_least = 1024,
      owns = { "^claude%-" }, -- ids that go there although they are not listed below
      legacy = "refused",
    },
    openai = {
      dialect = "openai_responses", own_dialect = "openai_chat", -- what servers of others speak
      base_url = "https://api.openai.com/v1", base_url_variable = "OPENAI_BASE_URL",
      secret = "OPENAI_API_KEY",
      cache_least = 1024,
      owns = { "^gpt%-", "^o%d", "^chatgpt%-", "^codex%-" }, dots = true, -- of the ids
      legacy = "refused",
    },
    deepseek = { -- @ai-sdk/deepseek 2.0.69 (npm); its own JSON mode knows no schema
      dialect = "openai_chat",
      base_url = "https://api.deepseek.com", base_url_variable = "DEEPSEEK_BASE_URL",
      secret = "DEEPSEEK_API_KEY",
      owns = { "^deepseek%-" }, dots = true,
      habits = { length = "max_tokens", effort = "thinking", thoughts = "always", form = "no" },
    },
    groq = { -- groq-sdk 1.6.0 (npm): the variable has no path there either
      dialect = "openai_chat",
      base_url = "https://api.groq.com/openai/v1", base_url_variable = "GROQ_BASE_URL",
      fills = true, secret = "GROQ_API_KEY",
      habits = { effort = "low_to_high", form = "no" },
    },
    openrouter = { -- @openrouter/sdk 1.3.19 (npm)
      dialect = "openai_chat",
      base_url = "https://openrouter.ai/api/v1", base_url_variable = "OPENROUTER_BASE_URL",
      secret = "OPENROUTER_API_KEY",
      takes = "^~?[%w%-]+/", -- names of all makers, where nobody else can be asked
      habits = { cost = "usd" },
    },
    ollama = { -- ollama 0.6.4 (npm): what OLLAMA_HOST may be; docs.ollama.com/api
      dialect = "openai_chat",
      base_url = "http://127.0.0.1:11434/v1", base_url_variable = "OLLAMA_HOST", fills = true,
      secret = "OLLAMA_API_KEY", keyless = true, at_once = 4,
      habits = { length = "max_tokens" },
    },
    llamacpp = { -- tools/server of llama.cpp
      dialect = "openai_chat",
      base_url = "http://127.0.0.1:8080/v1", base_url_variable = "LLAMA_BASE_URL", fills = true,
      secret = "LLAMA_API_KEY", keyless = true, at_once = 4,
      habits = { length = "max_tokens" },
    },
    vllm = { -- docs.vllm.ai
      dialect = "openai_chat",
      base_url = "http://127.0.0.1:8000/v1", base_url_variable = "VLLM_BASE_URL", fills = true,
      secret = "VLLM_API_KEY", keyless = true,
      habits = { length = "max_tokens" },
    },
  },

  -- `cache_least`: tokens of the shortest prompt that is cached, where it is not the provider's.
  -- `sees = false`: takes text only; of an image it is told what it is. `effort`: it can be told
  -- how much effort to make.
  models = {
    ["claude-fable-5-2"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-fable-5-1"] = adaptive(dollars(PRICES, 10, 50, 0.25, 12.50)),
    ["claude-fable-5"] = adaptive(dollars(PRICES, 10, 50, 1, 12.50)),
    ["claude-opus-5-5"] = adaptive(dollars(PAGES .. "opus-5-5/overview", 4, 20, 0.20, 5)),
    ["claude-opus-5"] = adaptive(dollars(PAGES .. "opus-5/overview", 5, 25, 0.50, 6.25)),
    -- A cut of the cache read to half is reported elsewhere. The dearer one stands until the page
    -- itself says so: a budget must not be overrun by a rumour.
    ["claude-sonnet-5-5"] = adaptive(dollars(PAGES .. "sonnet-5-5/overview", 2, 10, 0.20, 2.50)),
    ["claude-sonnet-5"] = adaptive(dollars(PAGES .. "sonnet-5/overview", 2, 10, 0.20, 2.50)),
    ["claude-haiku-5-5"] = adaptive(HAIKU_5_5),
    ["claude-haiku-4-5"] = { provider = "anthropic", context = 200000, max_output = 64000,
      prices = HAIKU_4_5, cache_least = 4096 },
    ["claude-haiku-4-5-20251001"] = { provider = "anthropic", context = 200000, max_output = 64000,
      prices = HAIKU_4_5, cache_least = 4096 },
    ["claude-opus-4-8"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-7"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-opus-4-6"] = { provider = "anthropic", prices = OPUS_4, cache_least = 4096 },
    ["claude-opus-4-5"] = { provider = "anthropic", prices = OPUS_4, cache_least = 4096 },
    ["claude-opus-4-5-20251101"] = { provider = "anthropic", prices = OPUS_4 },
    ["claude-sonnet-4-6"] = { provider = "anthropic" },
    ["claude-sonnet-4-5"] = { provider = "anthropic", retires = "2026-11-30" },
    ["claude-sonnet-4-5-20250929"] = { provider = "anthropic", retires = "2026-11-30" },
    -- by invitation
    ["claude-mythos-5-2"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-5-1"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-5"] = { provider = "anthropic", thinking = "adaptive" },
    ["claude-mythos-preview"] = { provider = "anthropic" },

    -- newer than the SDK. What goes in and comes out is told (8 and 40, 2 and 10 dollars), what its
    -- cache costs is not: most of a conversation would have no price.
    ["gpt-6.2-astra"] = openai(GPT_6_2, nil, true),
    ["gpt-6.2-sol"] = openai(GPT_6_2, nil, true),
    ["gpt-6.1-sol"] = openai(LITELLM .. "gpt_6_1_sol; dev.to/hassann",
      { input = 2, output = 10, cache_read = 0.10, cache_write = 2.50 }, true),
    ["gpt-6.1-terra"] = openai(LITELLM .. "gpt-6-1-terra; github.com/TheKrush/PromptFuel v1.0.24",
      { input = 1, output = 5, cache_read = 0.05, cache_write = 1.25 }, true),
    ["gpt-6-sol"] = openai(GPT_6,
      { input = 2, output = 10, cache_read = 0.20, cache_write = 2.50 }, true),
    ["gpt-6-luna"] = openai(GPT_6,
      { input = 0.10, output = 0.50, cache_read = 0.01, cache_write = 0.125 }, true),
    ["gpt-6-astra"] = openai("github.com/BerriAI/litellm/discussions/39633",
      { input = 10, output = 50, cache_read = 1, cache_write = 12.50 }, true),
    -- ids of the SDK; what is said elsewhere of their prices differs
    ["gpt-5.6-sol"] = openai(nil, nil, true),
    ["gpt-5.6-terra"] = openai(nil, nil, true),
    ["gpt-5.6-luna"] = openai(nil, nil, true),
    ["gpt-5.5"] = openai(),
    ["gpt-5.4"] = openai(),
    ["gpt-5.4-mini"] = openai(),
    ["gpt-5.4-nano"] = openai(nil, nil, nil, SHUT_DOWN),

    ["deepseek-v4-pro"] = deepseek(false, 1.32, 3.96, 0.044),
    ["deepseek-flash"] = deepseek(nil, 0.30, 1.20, 0.006),

    ["groq/openai/gpt-oss-120b"] = { provider = "groq", context = 131072, effort = true,
      sees = false },
    ["groq/openai/gpt-oss-20b"] = { provider = "groq", effort = true, sees = false },
    ["groq/qwen/qwen3.8-27b"] = { provider = "groq", effort = true, thinking = "parsed" },

    -- OpenRouter says itself what each request cost.
    ["openrouter/anthropic/claude-opus-5.5"] = { provider = "openrouter", context = 1000000,
      effort = true },
    ["openrouter/~anthropic/claude-sonnet-latest"] = { provider = "openrouter", effort = true },
    ["openrouter/openai/gpt-oss-120b"] = { provider = "openrouter", context = 131072,
      effort = true, sees = false },
  },

  -- The first whose provider can be asked is taken.
  tiers = {
    large = { "claude-opus-5-5", "claude-opus-5", "gpt-6.1-sol", "gpt-6-sol", "deepseek-v4-pro",
      "openrouter/anthropic/claude-opus-5.5" },
    medium = { "claude-sonnet-5-5", "claude-sonnet-5", "gpt-6.1-terra", "deepseek-flash",
      "openrouter/~anthropic/claude-sonnet-latest", "groq/openai/gpt-oss-120b" },
    small = { "claude-haiku-5-5", "claude-haiku-4-5", "gpt-6-luna", "deepseek-flash",
      "openrouter/openai/gpt-oss-120b", "groq/openai/gpt-oss-20b" },
  },

  -- What answers instead when nobody in a tier does. Never dearer than what was asked for.
  fallbacks = { large = { "medium" }, medium = { "small" }, small = {} },

  -- A definition's `complexity`.
  complexity = {
    complex = "large", expert = "large", high = "large",
    moderate = "medium", medium = "medium", standard = "medium",
    simple = "small", basic = "small", low = "small",
    default = "medium", -- for a definition that says nothing
  },

  -- How much effort a model is asked to make for a definition's `complexity`: low, medium, high,
  -- xhigh or max (@anthropic-ai/sdk 1.12.0, OutputConfig). Only models with `effort` are asked; for
  -- a definition that says nothing the server decides.
  effort = {
    complex = "high", expert = "high", high = "high",
    moderate = "medium", medium = "medium", standard = "medium",
    simple = "low", basic = "low", low = "low",
  },

  -- Names from the field, in lower case, with "-" for blanks, dots and underscores. `inherit` is
  -- not among them: it stands for what the asking agent uses.
  aliases = {
    opus = "large", sonnet = "medium", haiku = "small", fable = "claude-fable-5-2",
    opusplan = "large", best = "large", default = "medium", fast = "small",
    -- as the page of its prices says of the older names
    ["deepseek-v4-flash"] = "deepseek-flash", ["deepseek-chat"] = "deepseek-flash",
    ["deepseek-reasoner"] = "deepseek-flash",
  },

  -- For names that are neither listed nor an alias: Lua patterns, the first that fits wins. Retired
  -- models come first, then `owns` of the providers, then the names of other makers.
  retired = {
    { "^claude%-3.*haiku", "small" }, { "^claude%-3.*opus", "large" }, { "^claude%-3", "medium" },
    { "^claude%-haiku%-3", "small" }, { "^claude%-opus%-3", "large" },
    { "^claude%-sonnet%-3", "medium" }, { "^claude%-4%-1?%-?opus", "large" },
    { "^claude%-4%-sonnet", "medium" },
    { "^claude%-opus%-4$", "large" }, { "^claude%-sonnet%-4$", "medium" },
    { "^claude%-opus%-4%-[01]", "large" }, { "^claude%-sonnet%-4%-0", "medium" },
    { "^claude%-opus%-4%-2025", "large" }, { "^claude%-sonnet%-4%-2025", "medium" },
    { "^claude%-instant", "small" }, { "^claude%-[12]", "medium" }, { "^claude$", "medium" },
  },
  others = {
    { "%-mini", "small" }, { "%-nano", "small" }, { "%-flash", "small" }, { "%-lite", "small" },
    { "^gpt%-3", "small" }, { "^gpt%-4", "medium" }, { "^gpt%-", "large" },
    { "^chatgpt", "medium" }, { "^deepseek", "medium" },
    { "^o%d", "large" }, { "^gemini.*pro", "large" }, { "^gemini", "medium" },
    { "haiku", "small" }, { "sonnet", "medium" }, { "opus", "large" },
  },

  -- Bounds of one request. Milliseconds; bytes.
  limits = {
    max_tokens = 32000, -- of a reply, where the model allows it and nobody says otherwise
    connect_ms = 20000, first_byte_ms = 120000, idle_ms = 60000,
    body_limit = 32 * 1024 * 1024,
    attempts = 3,
    first_wait_ms = 1000, most_wait_ms = 20000, -- between attempts; doubled each time, full jitter
    most_asked_ms = 60000, -- a server that asks for longer is not waited for
    at_once = 32, -- requests at a time to one server under one key, of all runs; it says if fewer
    most_queue_ms = 600000, -- how long a request waits for its turn
    cooldown_ms = 60000, -- a model that failed is passed over for so long; 0: it is not
  },
}
