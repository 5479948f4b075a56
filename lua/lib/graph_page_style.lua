--- How the page of `perigee agents graph --format html` looks; light and dark. Its hash stands in
--- lib.graph_html.
return [==[
:root {
  color-scheme: light dark;
  --ground: #f7f7f5; --sheet: #ffffff; --ink: #1d2126; --quiet: #626a73; --rule: #d8dbdf;
  --node: #ffffff; --node-rule: #b9bfc6; --mark: #ffe9a8; --alarm: #b3261e;
  --next: #1a66c9; --primary: #6a3fc4; --conditional: #0d7d85; --trigger: #b4318a;
  --diagram: #5f6b78; --escalate: #b35c00; --input: #2f7d3b; --collaborate: #8a6d1f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --sheet: #1c2026; --ink: #e6e8eb; --quiet: #98a1ac; --rule: #343b44;
    --node: #232931; --node-rule: #4a545f; --mark: #5c4a12; --alarm: #ff8a80;
    --next: #6aa9ff; --primary: #b294ff; --conditional: #4fc3c9; --trigger: #f283cb;
    --diagram: #a3afbc; --escalate: #ffab5c; --input: #76cc85; --collaborate: #d9bd63;
  }
}
* { box-sizing: border-box; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template: auto 1fr / 1fr minmax(300px, 27vw);
  background: var(--ground); color: var(--ink);
  font: 14px/1.45 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
}
header {
  grid-column: 1 / 3; display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center;
  padding: 8px 14px; background: var(--sheet); border-bottom: 1px solid var(--rule);
}
h1 { font-size: 15px; margin: 0; }
header input[type=search] {
  font: inherit; padding: 4px 8px; width: 19em; color: inherit; background: var(--ground);
  border: 1px solid var(--rule); border-radius: 6px;
}
#kinds { display: flex; flex-wrap: wrap; gap: 4px; }
button {
  font: inherit; color: inherit; background: none; border: 1px solid var(--rule);
  border-radius: 6px; padding: 2px 9px; cursor: pointer;
}
button:hover { border-color: var(--quiet); }
:focus-visible { outline: 2px solid var(--next); outline-offset: 1px; }
.chip { display: inline-flex; align-items: center; gap: 6px; font-size: 13px; }
.chip[aria-pressed=false] { color: var(--quiet); }
.chip[aria-pressed=false] svg { opacity: .3; }
.chip small { color: var(--quiet); }
#stage { position: relative; overflow: hidden; min-width: 0; }
#chart { display: block; width: 100%; height: 100%; cursor: grab; touch-action: none; }
#chart.held { cursor: grabbing; }
#zoom { position: absolute; left: 12px; bottom: 12px; display: flex; gap: 4px; }
#zoom button { background: var(--sheet); min-width: 32px; }
#hint { position: absolute; right: 12px; bottom: 12px; color: var(--quiet); font-size: 12px; }
aside {
  background: var(--sheet); border-left: 1px solid var(--rule); padding: 12px 16px;
  overflow: auto; overflow-wrap: anywhere;
}
aside h2 { font-size: 15px; margin: 0 0 4px; }
aside h3 { font-size: 13px; margin: 16px 0 4px; color: var(--quiet); font-weight: 600; }
aside p { margin: 4px 0; }
aside ul { list-style: none; margin: 0; padding: 0; }
aside li { padding: 5px 0; border-top: 1px solid var(--rule); }
bdi { unicode-bidi: isolate; }
.quiet { color: var(--quiet); font-size: 12.5px; }
.brief {
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden;
}
.alarm { color: var(--alarm); font-size: 12.5px; }
.name { border: 0; padding: 0; text-align: left; font-weight: 600; border-radius: 3px; }
.name:hover { text-decoration: underline; }
.kind { font-size: 12px; font-weight: 600; margin-right: 6px; }
text { fill: var(--ink); font-size: 13px; pointer-events: none; }
.column { fill: var(--quiet); }
.node { cursor: pointer; }
.node rect { fill: var(--node); stroke: var(--node-rule); rx: 6px; }
.node.person rect, .node.group rect, .node.done rect { rx: 13px; stroke-dasharray: 3 2; }
.node.missing rect { stroke: var(--alarm); stroke-dasharray: 4 3; }
.node:hover rect, .node:focus-visible rect { stroke: var(--ink); }
.node:focus { outline: none; }
.node circle { fill: var(--alarm); }
.node.found rect { fill: var(--mark); }
.node.chosen rect { stroke: var(--ink); stroke-width: 2.5; }
.node.faint { opacity: .18; }
.link { fill: none; stroke-width: 1.3; opacity: .33; pointer-events: none; }
.link.shown { opacity: .95; stroke-width: 2; }
.link.faint { opacity: .04; }
.hit { fill: none; stroke: transparent; stroke-width: 9; cursor: pointer; }
.hit.off { pointer-events: none; }
.next { stroke: var(--next); } .primary { stroke: var(--primary); }
.conditional { stroke: var(--conditional); } .trigger { stroke: var(--trigger); }
.diagram { stroke: var(--diagram); } .escalate { stroke: var(--escalate); stroke-dasharray: 6 3; }
.input { stroke: var(--input); stroke-dasharray: 2 3; }
.collaborate { stroke: var(--collaborate); stroke-dasharray: 9 4; }
marker path { stroke: none; }
.fill-next { fill: var(--next); color: var(--next); }
.fill-primary { fill: var(--primary); color: var(--primary); }
.fill-conditional { fill: var(--conditional); color: var(--conditional); }
.fill-trigger { fill: var(--trigger); color: var(--trigger); }
.fill-diagram { fill: var(--diagram); color: var(--diagram); }
.fill-escalate { fill: var(--escalate); color: var(--escalate); }
.fill-input { fill: var(--input); color: var(--input); }
.fill-collaborate { fill: var(--collaborate); color: var(--collaborate); }
@media (max-width: 800px) {
  body { grid-template: auto 1fr 45% / 1fr; }
  header { grid-column: 1; }
  aside { border-left: 0; border-top: 1px solid var(--rule); }
  #hint { display: none; }
}
]==]
