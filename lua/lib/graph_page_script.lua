--- What the page of `perigee agents graph --format html` does. It reads the graph from the element
--- `data`, and puts text of definitions into the page as text only. Its hash stands in
--- lib.graph_html.
local layout = require "lib.graph_page_layout"

return layout .. [==[

// -- drawing ------------------------------------------------------------------------------------

const chart = $("chart"), world = svg("g", {});
const shown = new Set(HANDS);
let showOthers = false, chosen = null, box = { x: 0, y: 0, k: 1 }, extent;
let moved = false; // by hand; a new size of the window then leaves the view alone

const kindOf = (link) => KINDS.find((kind) => shown.has(kind)
  && link.edges.some((edge) => edge.kind === kind));

function drawNode(node) {
  const group = svg("g", { class: "node " + node.sort, tabindex: 0, role: "button",
    transform: `translate(${node.left} ${node.top})`, "aria-label": node.name });
  group.append(svg("rect", { width: node.width, height: HIGH }), svg("title", {}, node.name));
  label(node).forEach((line, i, all) => group.append(svg("text",
    { x: 9, y: all.length > 1 ? 17 + 15 * i : 25 }, line)));
  if (node.wrong) group.append(svg("circle", { cx: node.width, cy: 0, r: 4 },
    svg("title", {}, "names agents that are not there: " + node.wrong)));
  group.addEventListener("click", () => { if (!dragged) choose(node); });
  group.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(node); }
  });
  node.element = group;
  return group;
}

function drawLink(link) {
  link.path = svg("path", { d: curve(link) });
  link.hit = svg("path", { d: curve(link), class: "hit" });
  link.hit.append(svg("title", {}, link.a.name + " \u2192 " + link.b.name));
  link.hit.addEventListener("click", () => { if (!dragged) tellLink(link); });
}

function draw() {
  const { tops, width, low } = place();
  extent = { width: Math.max(width, 200), low: Math.max(low, 100) };
  world.replaceChildren();
  for (const node of nodes) node.element = null;
  const under = svg("g", {}), hits = svg("g", {}), over = svg("g", {});
  for (const { x, y, title } of tops) over.append(svg("text", { x, y, class: "column" }, title));
  for (const node of showOthers ? nodes : agents) over.append(drawNode(node));
  for (const link of links.values()) {
    link.path = null;
    if (!link.a.element || !link.b.element) continue;
    drawLink(link);
    under.append(link.path);
    hits.append(link.hit);
  }
  world.append(under, hits, over);
  paint();
}

function paint() {
  const query = $("search").value.trim().toLowerCase();
  const crowded = links.size > MOST_LINKS; // then only the chosen agent's are drawn
  const near = new Set();
  for (const link of links.values()) {
    if (!link.path) continue;
    const kind = kindOf(link), mine = chosen && (link.a === chosen || link.b === chosen);
    const off = !kind || (crowded && !mine);
    if (kind && mine) { near.add(link.a); near.add(link.b); }
    link.path.setAttribute("class", "link " + (kind || "next") + (mine ? " shown"
      : chosen || query ? " faint" : ""));
    if (off) link.path.setAttribute("display", "none"); else link.path.removeAttribute("display");
    link.hit.setAttribute("class", off || (chosen && !mine) ? "hit off" : "hit");
    if (kind && kind !== "collaborate") link.path.setAttribute("marker-end", `url(#end-${kind})`);
    else link.path.removeAttribute("marker-end");
  }
  for (const node of nodes) {
    if (!node.element) continue;
    const found = query && matches(node, query);
    const faint = query ? !found : chosen && node !== chosen && !near.has(node);
    node.element.setAttribute("class", "node " + node.sort + (found ? " found" : "")
      + (node === chosen ? " chosen" : "") + (faint ? " faint" : ""));
  }
}

const matches = (node, query) => node.name.toLowerCase().includes(query)
  || (node.agent && node.agent.description.toLowerCase().includes(query));

function move() {
  world.setAttribute("transform", `translate(${box.x} ${box.y}) scale(${box.k})`);
}

function fit() {
  const { width, height } = chart.getBoundingClientRect();
  const k = Math.min(1.4, (width - 40) / extent.width, (height - 40) / (2 * extent.low + 24));
  moved = false;
  box = { k, x: (width - extent.width * k) / 2, y: height / 2 + 6 * k };
  move();
}

function zoom(by, x, y) {
  const { width, height } = chart.getBoundingClientRect();
  if (x === undefined) { x = width / 2; y = height / 2; }
  const k = Math.min(6, Math.max(.02, box.k * by));
  moved = true;
  box = { k, x: x - (x - box.x) * k / box.k, y: y - (y - box.y) * k / box.k };
  move();
}

// -- what is told beside it ---------------------------------------------------------------------

const base = (path) => path.replace(/^.*\//, "");
const where = (edge) => base(edge.file) + ":" + edge.line;

function nameButton(node) {
  const button = html("button", "name", bdi(node.name));
  button.type = "button";
  button.addEventListener("click", () => choose(node));
  return button;
}

function tellEdge(edge, node) {
  const item = html("li", "", html("span", "kind fill-" + edge.kind,
    edge.kind === "primary" ? "primary " + edge.order : edge.kind));
  if (node) item.append(nameButton(node));
  const written = edge.target && edge.meant && edge.target !== edge.meant.name;
  const says = SAYS[edge.resolved];
  if (says && edge.target && !(node && node === edge.source)) {
    item.append(" ", html("span", edge.resolved === "none" ? "alarm" : "quiet", "(" + says
      + (written ? ": " : ""), written ? bdi(edge.target) : "", ")"));
  }
  if (edge.text) item.append(html("div", "", bdi(edge.text)));
  const place = html("div", "quiet", bdi(where(edge)));
  place.title = edge.file + ":" + edge.line;
  item.append(place);
  return item;
}

const byKind = (a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.line - b.line;

function section(title, edges, nodeOfEdge) {
  if (!edges.length) return [];
  return [html("h3", "", title + " (" + edges.length + ")"),
    html("ul", "", ...edges.slice().sort(byKind).map((edge) => tellEdge(edge, nodeOfEdge(edge))))];
}

function tell(...parts) {
  const panel = $("panel");
  panel.replaceChildren(...parts);
  panel.scrollTop = 0;
}

function tellNode(node) {
  const own = (test) => node.edges.filter((edge) => test(edge));
  const by = graph.edges.filter((edge) => edge.meant === node && edge.source !== node);
  const meant = (edge) => edge.meant, source = (edge) => edge.source;
  const head = [html("h2", "", bdi(node.name))];
  if (node.agent) {
    const file = html("p", "quiet", bdi(node.agent.file));
    head.push(html("p", "", bdi(node.agent.description || "No description.")), file);
  } else head.push(html("p", "quiet", "Not an agent of this catalog."));
  tell(...head,
    ...section("Hands work to", own((edge) => HANDS.has(edge.kind)), meant),
    ...section("Escalates to", own((edge) => edge.kind === "escalate"), meant),
    ...section("Works with", own((edge) => edge.kind === "collaborate"), meant),
    ...section("Says that it gets work from", own((edge) => edge.kind === "input"), meant),
    ...section("Is handed work by", by.filter((edge) => HANDS.has(edge.kind)), source),
    ...section("Is named otherwise by", by.filter((edge) => !HANDS.has(edge.kind)), source));
}

function tellLink(link) {
  tell(html("h2", "", nameButton(link.a), " \u2192 ", nameButton(link.b)),
    ...section("Lines that say so", link.edges, () => null));
}

function tellList(title, list) {
  return [html("h3", "", title + " (" + list.length + ")"), html("ul", "", ...list.map((node) =>
    html("li", "", nameButton(node), html("div", "quiet brief", bdi(node.agent
      ? node.agent.description : "named " + node.named + "\u00d7")))))];
}

function tellAll() {
  const query = $("search").value.trim().toLowerCase();
  if (query) return tell(...tellList("Found", nodes.filter((node) => matches(node, query))));
  tell(html("p", "", graph.agents.length + " agents, " + graph.edges.length + " edges. Choose an "
    + "agent to see whom it names, and the lines that say so."),
    ...tellList("Agents", agents), ...(missing.length ? tellList("Names that no agent has", missing)
      : []));
}

function choose(node) {
  chosen = node;
  $("search").value = "";
  if (node && node.sort !== "agent" && !showOthers) toggleOthers();
  const hash = node ? "#" + encodeURIComponent(node.name) : "";
  if (location.hash !== hash) history.replaceState(null, "", hash || location.pathname);
  paint();
  if (node) tellNode(node); else tellAll();
}

// -- controls -----------------------------------------------------------------------------------

function chip(text, count, kind, on, press) {
  const button = html("button", "chip");
  button.type = "button";
  if (kind) {
    button.append(svg("svg", { width: 22, height: 8 }, svg("path", { d: "M0 4H22", class: kind,
      "stroke-width": 2.5 })));
  }
  button.append(text, html("small", "", String(count)));
  button.setAttribute("aria-pressed", on);
  button.addEventListener("click", () => press(button));
  return button;
}

let othersChip;
function toggleOthers() {
  showOthers = !showOthers;
  othersChip.setAttribute("aria-pressed", showOthers);
  draw();
  fit();
}

function controls() {
  for (const kind of KINDS) {
    const count = graph.edges.filter((edge) => edge.kind === kind).length;
    if (!count) continue;
    $("kinds").append(chip(kind, count, kind, shown.has(kind), (button) => {
      if (!shown.delete(kind)) shown.add(kind);
      button.setAttribute("aria-pressed", shown.has(kind));
      paint();
    }));
  }
  othersChip = chip("people and other names", others.length, null, false, toggleOthers);
  if (others.length) $("kinds").append(othersChip);
  const ends = svg("defs", {});
  for (const kind of KINDS) {
    ends.append(svg("marker", { id: "end-" + kind, viewBox: "0 0 8 8", refX: 7, refY: 4,
      markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" },
      svg("path", { d: "M0 0L8 4L0 8Z", class: "fill-" + kind })));
  }
  chart.append(ends, world);
  $("closer").addEventListener("click", () => zoom(1.3));
  $("farther").addEventListener("click", () => zoom(1 / 1.3));
  $("whole").addEventListener("click", fit);
  $("search").addEventListener("input", () => { chosen = null; paint(); tellAll(); });
  $("search").addEventListener("keydown", (event) => {
    const query = $("search").value.trim().toLowerCase();
    const first = query && nodes.find((node) => matches(node, query));
    if (event.key === "Enter" && first) choose(first);
  });
}

let held = null, dragged = false;
function mouse() {
  chart.addEventListener("wheel", (event) => {
    event.preventDefault();
    const corner = chart.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? .05 : .0015)), event.clientX - corner.left,
      event.clientY - corner.top);
  }, { passive: false });
  chart.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, y: event.clientY, box };
    dragged = false;
  });
  window.addEventListener("pointermove", (event) => {
    if (!held) return;
    const dx = event.clientX - held.x, dy = event.clientY - held.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) {
      dragged = moved = true;
      chart.classList.add("held");
    }
    box = { k: held.box.k, x: held.box.x + dx, y: held.box.y + dy };
    move();
  });
  window.addEventListener("pointerup", () => { held = null; chart.classList.remove("held"); });
  chart.addEventListener("click", (event) => {
    if (!dragged && event.target === chart) choose(null);
  });
  window.addEventListener("resize", () => { if (!moved) { draw(); fit(); } });
  window.addEventListener("hashchange", fromHash);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(null);
    if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); $("search").focus(); }
    if (event.key === "+") zoom(1.3);
    if (event.key === "-") zoom(1 / 1.3);
    if (event.key === "0") fit();
  });
}

function fromHash() {
  let name = "";
  try { name = decodeURIComponent(location.hash.slice(1)); } catch { name = ""; }
  choose(agents.find((node) => node.name === name) || null);
}

levels();
controls();
mouse();
draw();
fit();
fromHash();
})();
]==]
