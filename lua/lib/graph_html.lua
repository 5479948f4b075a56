--- One page that holds the graph and all that shows it: no network, no other file. The graph stands
--- in an element that is data; only the script and the style with the hashes below are obeyed, so
--- that nothing in a definition can become more than text.
local graph_json = require "lib.graph_json"
local script     = require "lib.graph_page_script"
local show       = require "lib.show"
local style      = require "lib.graph_page_style"

-- SHA-256 of the two files' text, in base64. Whoever changes one puts the new value here; the test
-- of this page says it.
local SCRIPT_HASH <const> = "BTd4ywTFWjiU4mw3DW1wg5gCX+793yorUeB5BHVuUJE="
local STYLE_HASH  <const> = "vZyHP9I2jYBHC0j30mnLyrqWyCO7DA6aoxIHgdPApjA="

local POLICY <const> = table.concat({
  "default-src 'none'", "base-uri 'none'", "form-action 'none'",
  ("script-src 'sha256-%s'"):format(SCRIPT_HASH), ("style-src 'sha256-%s'"):format(STYLE_HASH),
}, "; ")

local PAGE <const> = [==[
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="@POLICY@">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Agents and whom they hand work to</title>
<style>@STYLE@</style>
<body>
<header>
<h1>Agents</h1>
<input type="search" id="search" placeholder="Search names and descriptions"
aria-label="Search">
<div id="kinds" role="group" aria-label="Kinds of edges"></div>
</header>
<main id="stage">
<svg id="chart" xmlns="http://www.w3.org/2000/svg" aria-label="Agents and their edges"></svg>
<div id="zoom">
<button type="button" id="closer" title="Closer (+)">+</button>
<button type="button" id="farther" title="Farther (-)">&minus;</button>
<button type="button" id="whole" title="All of it (0)">Fit</button>
</div>
<div id="hint"><span class="alarm">&#9679;</span> names an agent that is not there &middot;
drag to move, wheel to zoom, / to search, Esc to let go</div>
</main>
<aside id="panel" aria-live="polite"></aside>
<noscript>This page draws its graph with a script of its own, and scripts are off.</noscript>
<script type="application/json" id="data">@DATA@</script>
<script>@SCRIPT@</script>
</body>
</html>
]==]

local ESCAPES <const> = {
  ["<"] = "\\u003c", [">"] = "\\u003e", ["&"] = "\\u0026",
  ["\u{2028}"] = "\\u2028", ["\u{2029}"] = "\\u2029",
}

--- JSON with nothing in it that HTML could take for markup, or that turns the direction of text.
--- Such signs stand in strings only.
local function inert(data)
  local clean = show.clean(data):gsub("[<>&]", ESCAPES)
  return (clean:gsub("\u{2028}", ESCAPES):gsub("\u{2029}", ESCAPES))
end

return function(found)
  local parts = {
    POLICY = POLICY, SCRIPT = script, STYLE = style,
    DATA = inert(graph_json(found)),
  }
  return (PAGE:gsub("@([A-Z_]+)@", parts))
end
