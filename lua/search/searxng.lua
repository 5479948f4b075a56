--- SearXNG: a server of your own, or of somebody you trust, that asks many engines. As mcp-searxng
--- 1.16.0 (npm) asks, read 2026-11-23: GET /search, format=json. The server has to allow that form:
--- `search: { formats: [html, json] }` in its settings.yml.
local json = require "lib.json"
local url  = require "lib.url"

return {
  base_url_variable = "SEARXNG_URL",
  request = function(query)
    return { path = "/search" .. url.query { { "q", query }, { "format", "json" } } }
  end,
  results = function(body)
    local answer = json.decode(body)
    if not answer then
      return nil, "it may not allow JSON: `search: { formats: [html, json] }` in its settings.yml"
    end
    return answer.results
  end,
  fields = { text = "content", date = "publishedDate" },
}
