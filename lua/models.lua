--- Which models there are, what they are called in the field, and who answers for which work. Data
--- only; lib/model.lua reads it. A project may change names and tiers; servers, secrets and prices
--- come from here, from the environment, or from the user's own models.lua.
---
--- Model ids: @anthropic-ai/sdk 1.12.0 (npm, 2026-11-20), openai 6.49.0 (npm, 2026-07-23) and, for
--- what came after that, the pages named below. Windows, output limits and prices: copies
--- of the pages named below, read 2026-11-22. What neither says is absent here, and a cost that
--- cannot be computed is absent too.
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
---@param marks?  boolean it takes marks for its cache: from gpt-5.6 on (openai 6.49.0)
local function openai(source, prices, marks)
  local facts = { provider = "openai", thinking = "adaptive", effort = true, prices = prices,
    marks = marks }
  if not source then return facts end
  facts.context, facts.max_output = 1050000, 128000
  local function times(price, factor) return price and price * factor end
  prices.source, prices.date, prices.search = source, "2026-11-23", SEARCH
  prices.above = { tokens = 272000, input = prices.input * 2, output = prices.output * 1.5,
    cache_read = times(prices.cache_read, 2), cache_write = times(prices.cache_write, 2) }
  return facts
end

local LITELLM <const> = "docs.litellm.ai/blog/"
local GPT_6 <const> = LITELLM .. "gpt_6_sol_luna; github.com/merefield/codexometer v0.18.4"

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
  -- without `secret` needs no key. `at_once`: requests at a time under one key, at most; where it
  -- is absent, that of `limits`. `cache_least`: tokens of the shortest prompt that it caches; one
  -- without is not known to cache.
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

    ["gpt-6.1-terra"] = openai(LITELLM .. "gpt-6-1-terra; github.com/TheKrush/PromptFuel v1.0.24",
      { input = 1, output = 5, cache_read = 0.05, cache_write = 1.25 }, true),
    ["gpt-6-sol"] = openai(GPT_6,
      { input = 2, output = 10, cache_read = 0.20, cache_write = 2.50 }, true),
    ["gpt-6-luna"] = openai(GPT_6,
      { input = 0.10, output = 0.50, cache_read = 0.01, cache_write = 0.125 }, true),
    -- ids of the SDK; what is said elsewhere of their prices differs
    ["gpt-5.6-sol"] = openai(nil, nil, true),
    ["gpt-5.6-terra"] = openai(nil, nil, true),
    ["gpt-5.6-luna"] = openai(nil, nil, true),
    ["gpt-5.4"] = openai(),
    ["gpt-5.4-mini"] = openai(),
    ["gpt-5.4-nano"] = openai(),
  },

  -- The first whose provider can be asked is taken.
  tiers = {
    large = { "claude-opus-5-5", "claude-opus-5", "gpt-6-sol" },
    medium = { "claude-sonnet-5-5", "claude-sonnet-5", "gpt-6.1-terra" },
    small = { "claude-haiku-5-5", "claude-haiku-4-5", "gpt-6-luna" },
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
    { "^chatgpt", "medium" },
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
