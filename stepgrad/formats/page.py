"""The page: what of the HTML export is the same for every trace, its frame, its style and its script.

The script draws nothing that Python has not drawn: it puts numbers into the slots of a picture, and sets classes.
All texts of the program are put in as text, never as markup.
"""

HEAD = """
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="stepgrad">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
""".strip()

BODY = """
<nav aria-label="Steps">
<button type="button" id="first" title="first step (Home)" aria-label="first step">⏮</button>
<button type="button" id="back" title="one step back (←)" aria-label="one step back">◀</button>
<button type="button" id="forth" title="one step forward (→)" aria-label="one step forward">▶</button>
<button type="button" id="last" title="last step (End)" aria-label="last step">⏭</button>
<input type="range" id="slider" min="1" value="1" aria-label="step">
<output id="place" for="slider"></output>
</nav>
""".strip()

PANES = """
<section id="told" aria-label="The step"><h2>Step</h2><div id="step" role="status" aria-live="polite" \
aria-atomic="true"></div></section>
<section id="program" aria-label="The source"><h2>Source</h2><pre id="source" tabindex="0"></pre></section>
<section id="list" aria-label="The events"><h2>Events</h2>
<div id="events" role="listbox" tabindex="0" aria-label="every step"><div id="rows"></div></div></section>
""".strip()

STYLE = """
*{box-sizing:border-box}
html{height:100%}
body{margin:0;height:100%;font:16px/1.45 system-ui,'Segoe UI','Helvetica Neue','DejaVu Sans',Arial,sans-serif;\
background:var(--paper);color:var(--ink)}
body{display:grid;grid-template:"head head" auto "circuit circuit" auto "told list" minmax(11rem,1fr) \
"program list" minmax(6rem,auto)/minmax(0,3fr) minmax(0,2fr);gap:0 1.2rem;padding:.6rem 1.2rem 1rem}
header{grid-area:head;display:flex;flex-wrap:wrap;align-items:center;gap:.4rem 1.2rem}
h1{font-size:1.1rem;margin:0;flex:1 1 20rem}
h2{font-size:.75rem;letter-spacing:.08em;text-transform:uppercase;margin:.4rem 0 .3rem;color:var(--dim);font-weight:600}
nav{display:flex;align-items:center;gap:.35rem;flex:0 1 34rem}
nav input{flex:1;min-width:6rem;accent-color:var(--active)}
nav output{min-width:9rem;text-align:right;font-variant-numeric:tabular-nums}
button{font:inherit;line-height:1;min-width:2.4rem;padding:.45rem .5rem;border:1px solid var(--wire);border-radius:6px;\
background:var(--paper);color:var(--ink);cursor:pointer}
button:disabled{opacity:.35;cursor:default}
:focus-visible{outline:3px solid var(--name);outline-offset:1px}
#circuit{grid-area:circuit;overflow:auto;max-height:52vh;position:relative}
#circuit svg{display:block;margin:0 auto}
#circuit .gate{cursor:pointer}
#told{grid-area:told;overflow:auto}
[hidden]{display:none!important}
#program{grid-area:program;min-height:0;display:flex;flex-direction:column;max-height:24vh}
#list{grid-area:list;min-height:0;display:flex;flex-direction:column}
#step{font:1.05rem/1.55 var(--mono);white-space:pre;overflow-x:auto}
#step .words{font:1rem/1.5 system-ui,'DejaVu Sans',sans-serif;white-space:normal;margin-top:.5rem;color:var(--dim)}
#step b{font-weight:700}
#step .title{font-weight:700}
#source,#rows{font:.95rem/1.5 var(--mono)}
#source{margin:0;overflow:auto;counter-reset:line}
#source div{white-space:pre;min-height:1.5em}
#source div::before{counter-increment:line;content:counter(line);display:inline-block;width:2.6em;padding-right:.9em;\
text-align:right;color:var(--dim)}
mark{background:var(--lit);color:inherit;border-radius:3px;outline:1.5px solid var(--active)}
#events{overflow:auto;position:relative;flex:1;min-height:6rem}
#rows div{position:absolute;left:0;min-width:100%;height:1.6rem;line-height:1.6rem;white-space:pre;cursor:pointer;\
padding:0 .5rem;border-radius:4px}
#rows div[aria-selected=true]{background:var(--lit);font-weight:700;\
outline:1.5px solid var(--active);outline-offset:-2px}
#rows .late{opacity:.55}
#rows .number{display:inline-block;width:4.2em;padding-right:1em;text-align:right;color:var(--dim)}
.of-value{color:var(--value)}.of-gradient{color:var(--gradient)}.of-upstream{color:var(--upstream)}
.of-local{color:var(--local)}.of-note{color:var(--active)}.of-dim{color:var(--dim)}
@media (max-width:52rem){body{display:block;height:auto}#circuit{max-height:none}#events{height:22rem}
#program{max-height:none}h1{flex-basis:100%}nav{flex:1 1 100%}}
@media print{body{display:block;height:auto;padding:0}nav{display:none}section,#circuit{overflow:visible!important;\
max-height:none!important;break-inside:avoid}#list,#program{break-inside:auto;display:block;max-height:none}
#events,#source{overflow:visible;height:auto!important}#circuit svg{max-width:100%;height:auto}
#rows{height:auto!important}#rows div{position:static;white-space:pre-wrap;height:auto}#rows .late{opacity:1}}
""".strip()

SCRIPT = """
"use strict";
(() => {
const data = JSON.parse(document.getElementById("trace").textContent);
const [SENTENCE, LINES, SPAN, PICTURE, CHANGES, WORK, WIRES, UPSTREAM, CHANGED, BACKWARD, LOCAL] = Array(11).keys();
const at = id => document.getElementById(id);
const events = data.events, steps = data.steps, size = events.length;
const ACROSS = data.across;
let here = -1, drawn = -1, texted = -1, parts = null;
const starts = [];  // for every event, where the changes of its picture's numbers are counted from
events.forEach((event, i) => starts.push(event[PICTURE] === null ? starts[i - 1] : i));

const put = (parent, tag, text, classes) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  parent.append(made);
  return made;
};

// The circuit

const place = index => {
  const start = starts[index], [picture, texts] = events[start][PICTURE];
  if (drawn !== picture) {
    at("circuit").innerHTML = data.pictures[picture];  // drawn by Python, all texts in it escaped
    drawn = picture;
    texted = -1;
    const all = name => [...at("circuit").querySelectorAll(name)];
    parts = {wires: all(".wire"), gates: all(".gate"), numbers: all(".numbers"),
             home: all(".wire").map(wire => wire.parentNode), top: at("circuit").querySelector(".top"),
             grounds: at("circuit").querySelector(".grounds")};
    parts.gates.forEach((gate, v) => gate.addEventListener("click", () => {
      go(nearest(events[starts[here]][PICTURE][1][v][0]));
    }));
  }
  if (texted === start) return;
  texted = start;
  texts.forEach(([, label, name, told], v) => {  // versions of names go on from pass to pass
    const gate = parts.gates[v], given = gate.querySelector(".given");
    gate.querySelector("title").textContent = told;
    gate.querySelector(".label,.name").textContent = label;
    if (given) given.textContent = name;
  });
};

const draw = index => {
  place(index);
  const event = events[index], shown = parts.gates.map(() => ["", ""]);
  for (let i = starts[index]; i <= index; i++)
    for (const [vertex, side, text] of events[i][CHANGES]) shown[vertex][side] = text;
  parts.grounds.replaceChildren();
  parts.gates.forEach((gate, v) => {
    const working = event[WORK].includes(v);
    gate.classList.toggle("unknown", !shown[v][0]);
    gate.classList.toggle("active", working);
    gate.classList.toggle("told", gate.classList.contains("named") || working || v === event[CHANGED]);
    const local = gate.querySelector(".local");
    if (local) {
      local.textContent = working ? event[LOCAL] : "";
      local.style.fontSize = local.textContent.length > 8 ? "9px" : "";
    }
    gate.classList.toggle("narrowed", Boolean(local && local.textContent));
    [".value", ".gradient"].forEach((name, side) => {
      const slots = [...parts.numbers[v].querySelectorAll(name)];
      const lines = shown[v][side] ? shown[v][side].split("\\n") : [];
      const skipped = side ? 0 : slots.length - lines.length;  // values stand next to the wire
      const fresh = v === event[CHANGED] && Boolean(event[BACKWARD]) === Boolean(side);
      slots.forEach((slot, k) => {
        const line = lines[k - skipped] ?? "";
        slot.textContent = line.replaceAll(" ", "\\u00a0");
        slot.classList.toggle("new", fresh);
        slot.classList.toggle("upstream", Boolean(side) && v === event[UPSTREAM] && !fresh);
        if (!fresh || !line) return;
        const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        const box = {x: slot.getAttribute("x") - 3, y: slot.getAttribute("y") - 8.5, height: 17, rx: 3,
                     width: line.length * ACROSS + 6, class: "ground " + name.slice(1)};
        for (const key in box) ground.setAttribute(key, box[key]);
        parts.grounds.append(ground);
      });
    });
  });
  parts.wires.forEach((wire, w) => {
    const active = event[WIRES].includes(w), back = event[BACKWARD];
    wire.classList.toggle("active", active);
    wire.classList.toggle("unknown", !shown[wire.dataset.source][0]);
    for (const end of ["start", "end"])
      if (active && (end === "start") === Boolean(back)) wire.setAttribute("marker-" + end, "url(#arrow)");
      else wire.removeAttribute("marker-" + end);
    (active ? parts.top : parts.home[w]).append(wire);
  });
  follow(at("circuit"), [...event[WORK], event[CHANGED]].filter(v => v !== null).map(v => parts.gates[v]));
};

const follow = (room, elements) => {
  if (!elements.length) return;
  const outer = room.getBoundingClientRect(), boxes = elements.map(each => each.getBoundingClientRect());
  const left = Math.min(...boxes.map(box => box.left)) - outer.left;
  const right = Math.max(...boxes.map(box => box.right)) - outer.left;
  const top = Math.min(...boxes.map(box => box.top)) - outer.top;
  const bottom = Math.max(...boxes.map(box => box.bottom)) - outer.top;
  const air = 90;
  if (left < air || right > room.clientWidth - air) room.scrollLeft += (left + right) / 2 - room.clientWidth / 2;
  if (top < 20 || bottom > room.clientHeight - 30) room.scrollTop += (top + bottom) / 2 - room.clientHeight / 2;
};

// The step in words

const tell = event => {
  at("step").replaceChildren();
  for (const line of event[LINES]) {
    const row = put(at("step"), "div", undefined, line[0][1] === "words" ? "words" : "");
    for (const [text, role] of line) {
      const strong = role.endsWith("!");
      put(row, strong ? "b" : "span", text, role ? "of-" + role.replace("!", "") : "");
    }
    if (!row.textContent) row.textContent = "\\u00a0";
  }
};

// The source

at("program").hidden = !data.source.length;
const rows = data.source.map(line => put(at("source"), "div", line));
let lit = [];
const light = span => {
  for (const k of lit) if (rows[k]) rows[k].textContent = data.source[k];
  lit = [];
  if (!span) return;
  const [first, column, end, stop] = span;
  for (let k = first - 1; k < end && rows[k]; k++) {
    const signs = Array.from(data.source[k]);  // columns count characters
    const from = k === first - 1 ? column - 1 : 0, to = k === end - 1 ? stop - 1 : signs.length;
    rows[k].replaceChildren(signs.slice(0, from).join(""));
    put(rows[k], "mark", signs.slice(from, to).join(""));
    rows[k].append(signs.slice(to).join(""));
    lit.push(k);
  }
  const room = at("source"), row = rows[lit[0]];
  if (!row) return;
  const y = row.getBoundingClientRect().top - room.getBoundingClientRect().top;
  if (y < 0 || y > room.clientHeight - 30) room.scrollTop += y - room.clientHeight / 2;
};

// The events: only the rows that are seen exist

const HIGH = 1.6 * parseFloat(getComputedStyle(document.documentElement).fontSize);
let made = new Map(), whole = false;
const row = i => {
  const line = document.createElement("div");
  line.id = "event-" + steps[i];
  line.setAttribute("role", "option");
  line.setAttribute("aria-setsize", size);
  line.setAttribute("aria-posinset", i + 1);
  line.style.top = i * HIGH + "px";
  put(line, "span", steps[i], "number");
  line.append(events[i][SENTENCE]);
  line.addEventListener("click", () => go(i));
  return line;
};
at("rows").style.height = size * HIGH + "px";
const list = () => {
  const room = at("events");
  const from = whole ? 0 : Math.max(0, Math.floor(room.scrollTop / HIGH) - 20);
  const to = whole ? size : Math.min(size, Math.ceil((room.scrollTop + room.clientHeight) / HIGH) + 20);
  const kept = new Map();
  for (let i = from; i < to; i++) kept.set(i, made.get(i) ?? row(i));
  for (const [i, line] of made) if (!kept.has(i)) line.remove();
  for (const [i, line] of kept) {
    if (!made.has(i)) at("rows").append(line);
    line.setAttribute("aria-selected", i === here);
    line.classList.toggle("late", i > here);
  }
  made = kept;
};
const reveal = () => {
  const room = at("events"), y = here * HIGH;
  if (y < room.scrollTop + HIGH || y > room.scrollTop + room.clientHeight - 2 * HIGH)
    room.scrollTop = y - room.clientHeight / 2;
  list();
  room.setAttribute("aria-activedescendant", "event-" + steps[here]);
};

// Moves

const nearest = step => {
  let low = 0, high = size - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (steps[middle] <= step) low = middle; else high = middle - 1;
  }
  return low;
};
const go = index => {
  index = Math.max(0, Math.min(size - 1, index));
  if (index === here) return;
  here = index;
  const event = events[here];
  draw(here); tell(event); light(event[SPAN]); reveal();
  at("slider").value = here + 1;
  at("slider").setAttribute("aria-valuetext", "step " + steps[here] + ": " + event[SENTENCE]);
  at("place").textContent = "step " + steps[here] + " of " + data.total;
  at("first").disabled = at("back").disabled = here === 0;
  at("last").disabled = at("forth").disabled = here === size - 1;
  try { history.replaceState(null, "", "#step=" + steps[here]); } catch { /* where an address may not be changed */ }
};
const asked = () => {
  const found = /^#step=([0-9]{1,15})$/.exec(location.hash);
  return found ? nearest(Number(found[1])) : null;
};
at("slider").max = size;
at("slider").addEventListener("input", () => go(at("slider").value - 1));
at("first").addEventListener("click", () => go(0));
at("back").addEventListener("click", () => go(here - 1));
at("forth").addEventListener("click", () => go(here + 1));
at("last").addEventListener("click", () => go(size - 1));
at("events").addEventListener("scroll", list);
addEventListener("resize", list);
addEventListener("hashchange", () => { const index = asked(); if (index !== null) go(index); });
addEventListener("beforeprint", () => { whole = size <= 2000; list(); });
addEventListener("afterprint", () => { whole = false; list(); });
const KEYS = {ArrowRight: 1, l: 1, s: 1, ArrowLeft: -1, h: -1, S: -1, PageDown: 10, PageUp: -10,
              Home: -size, g: -size, End: size, G: size};
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === at("slider")) return;
  const listed = event.target === at("events") ? {ArrowDown: 1, ArrowUp: -1} : {};
  const by = listed[event.key] ?? KEYS[event.key];
  if (by === undefined) return;
  event.preventDefault();
  go(here + by);
});
document.body.classList.add("live");
go(asked() ?? 0);
})();
""".strip()
