--- The first half of the script of the page: the graph, and where its nodes stand. The same graph
--- gives the same picture. lib.graph_page_script goes on where this ends.
return [==[
"use strict";
(function () {
const KINDS = ["next", "primary", "conditional", "trigger", "diagram", "escalate", "collaborate",
  "input"];
const HANDS = new Set(KINDS.slice(0, 5));
const SORTS = { user: "person", group: "group", done: "done", none: "missing" };
const SAYS = { cut: "cut short", suffix: "only the end of its name", none: "no agent has this name",
  group: "a group", user: "a person", done: "the end" };
const ROW = 50, GAP = 96, HIGH = 40, TALLEST = 16, MOST_LINKS = 4000, MOST_STRETCH = 2.4;
const NS = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);
const graph = JSON.parse($("data").textContent);

// -- small makers -------------------------------------------------------------------------------

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(NS, tag);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  made.append(...children);
  return made;
}

function html(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

const bdi = (text) => html("bdi", "", text);

// -- the graph: nodes, and links that hold all edges from one node to another -------------------

const nodes = [], byName = new Map();

function nodeOf(name, sort) {
  const key = sort + "\n" + name;
  let node = byName.get(key);
  if (!node) {
    node = { name, sort, at: nodes.length, out: [], into: [], edges: [], links: [],
      wrong: 0, named: 0 };
    nodes.push(node);
    byName.set(key, node);
  }
  return node;
}

for (const agent of graph.agents) Object.assign(nodeOf(agent.name, "agent"), { agent });
const links = new Map();
for (const edge of graph.edges) {
  edge.source = nodeOf(edge.from, "agent");
  edge.source.edges.push(edge);
  if (edge.resolved === "none" && edge.target) edge.source.wrong++;
  if (!edge.target) continue;
  const known = edge.to !== null && edge.resolved !== "user";
  edge.meant = known ? nodeOf(edge.to, "agent")
    : nodeOf(edge.target, SORTS[edge.resolved] || "group");
  edge.meant.named++;
  if (edge.meant === edge.source) continue;
  const [a, b] = edge.kind === "input" ? [edge.meant, edge.source] : [edge.source, edge.meant];
  const key = a.at + " " + b.at;
  if (!links.has(key)) links.set(key, { a, b, edges: [] });
  links.get(key).edges.push(edge);
  if (HANDS.has(edge.kind)) { a.out.push(b); b.into.push(a); }
}
for (const link of links.values()) {
  link.a.links.push(link);
  link.b.links.push(link);
}
const agents = nodes.filter((node) => node.sort === "agent");
const others = nodes.filter((node) => node.sort !== "agent");
const missing = nodes.filter((node) => node.sort === "missing");

// The last word that most names share says nothing; labels leave it out.
const endings = new Map();
for (const { name } of agents) {
  const end = /-[a-z]+$/.exec(name);
  if (end) endings.set(end[0], (endings.get(end[0]) || 0) + 1);
}
const common = [...endings].find(([, count]) => count > 3 && count > agents.length / 2);

const short = (text) => text.length > 26 ? text.slice(0, 25) + "\u2026" : text;

// One line or two, parted where the halves are most alike.
function label(node) {
  const name = common && node.sort === "agent" && node.name.endsWith(common[0])
    ? node.name.slice(0, -common[0].length) : node.name;
  let best = 0;
  for (let i = 1; i < name.length && name.length > 14; i++) {
    const joint = name[i] === "-" || name[i] === " ";
    if (joint && Math.abs(i - name.length / 2) < Math.abs(best - name.length / 2)) best = i + 1;
  }
  return best ? [short(name.slice(0, best).trim()), short(name.slice(best))] : [short(name)];
}

// -- layout: a column for each hop from where work begins; neighbours at the same height --------

function levels() {
  const queue = [];
  const put = (node, level) => {
    if (node.level !== undefined) return;
    node.level = level;
    queue.push(node);
  };
  for (const node of agents) if (!node.into.length && node.out.length) put(node, 0);
  const waiting = agents.filter((node) => node.out.length)
    .sort((a, b) => b.out.length - b.into.length - (a.out.length - a.into.length) || a.at - b.at);
  let next = 0;
  for (let i = 0; ; i++) { // what no beginning leads to begins where most goes out
    if (i === queue.length) {
      while (next < waiting.length && waiting[next].level !== undefined) next++;
      if (next === waiting.length) break;
      put(waiting[next], 0);
    }
    for (const to of queue[i].out) if (to.sort === "agent") put(to, queue[i].level + 1);
  }
}

function columns() {
  const found = [], alone = [];
  for (const node of agents) {
    if (node.level === undefined) alone.push(node);
    else (found[node.level] = found[node.level] || []).push(node);
  }
  const titled = found.map((list, i) => ({ list, title: i ? "after " + i + (i > 1 ? " hops"
    : " hop") : "work begins" }));
  if (alone.length) titled.push({ list: alone, title: "hands work to nobody" });
  if (showOthers && others.length) titled.push({ list: others, title: "people and other names" });
  return titled;
}

function order(titled) {
  for (const { list } of titled) list.forEach((node, i) => { node.y = i; });
  for (let sweep = 0; sweep < 10; sweep++) {
    const run = sweep % 2 ? titled.slice().reverse() : titled;
    for (const { list } of run) {
      const middle = (list.length - 1) / 2;
      for (const node of list) {
        let sum = 0, count = 0;
        for (const { a, b } of node.links) {
          const other = a === node ? b : a;
          if (other.y !== undefined && other.column !== node.column) {
            sum += other.y - other.middle;
            count++;
          }
        }
        node.wish = count ? sum / count : node.y - middle;
      }
      list.sort((a, b) => a.wish - b.wish || a.at - b.at);
      list.forEach((node, i) => { node.y = i; node.middle = middle; });
    }
  }
}

function place() {
  const titled = columns(), tops = [];
  titled.forEach(({ list }, i) => list.forEach((node) => {
    node.column = i;
    node.middle = (list.length - 1) / 2;
  }));
  order(titled);
  let x = 0, low = 0;
  for (const { list, title } of titled) {
    const parts = Math.ceil(list.length / Math.max(TALLEST, Math.ceil(Math.sqrt(nodes.length))));
    const rows = Math.ceil(list.length / parts), left = x;
    for (let part = 0; part < parts; part++) {
      const slice = list.filter((_, i) => i % parts === part);
      const width = 18 + 7.6 * slice.reduce((most, node) =>
        Math.max(most, ...label(node).map((line) => line.length)), 8);
      slice.forEach((node, i) => {
        node.left = x;
        node.width = width;
        node.top = (i - (slice.length - 1) / 2) * ROW + (parts > 1 && part % 2 ? ROW / 2 : 0);
      });
      x += width + (part < parts - 1 ? 60 : GAP);
    }
    tops.push({ x: left, rows, title });
    low = Math.max(low, rows * ROW / 2);
  }
  const { width, height } = chart.getBoundingClientRect(); // use the room that there is
  const wanted = (x - GAP) * height / (width || 1) / (2 * low + 80);
  const tall = Math.min(MOST_STRETCH, Math.max(1, wanted));
  for (const node of nodes) node.top = (node.top || 0) * tall;
  for (const top of tops) top.y = -(top.rows - 1) / 2 * ROW * tall - 22;
  return { tops, width: x - GAP, low: low * tall + 20 };
}

function curve({ a, b }) {
  const ya = a.top + HIGH / 2, yb = b.top + HIGH / 2;
  if (a.left === b.left) { // down or up the same column, around the right side
    const from = a.left + a.width, out = 26 + Math.min(60, Math.abs(yb - ya) / 4);
    return `M${from} ${ya - 4}C${from + out} ${ya} ${from + out} ${yb} ${from} ${yb + 4}`;
  }
  const onward = a.left < b.left;
  const from = onward ? a.left + a.width : a.left, to = onward ? b.left : b.left + b.width;
  const pull = (onward ? 1 : -1) * Math.max(40, Math.abs(to - from) / 2);
  const shift = onward ? -3 : 4; // there and back are two lines
  return `M${from} ${ya + shift}C${from + pull} ${ya + shift} ${to - pull} ${yb + shift} ${to} `
    + `${yb + shift}`;
}
]==]
