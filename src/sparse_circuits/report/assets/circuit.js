// A circuit's graph (Cytoscape), the slider over its size and its curve (uPlot) where it has one, its nodes, the panel.
"use strict";

(() => {
  const { nodes, edges, rows, curve, chosen: whole, scored, lines = rows.map((_, row) => row) } = REPORT.circuit;
  const [panel, slider, search] = ["panel", "size", "search"].map((id) => document.getElementById(id));
  const place = new Map(nodes.map((node, number) => [node.id, number]));
  const strongest = Math.max(...nodes.filter((node) => node.kind !== "output").map((node) => Math.abs(node.score)));
  const heaviest = Math.max(...edges.map(([, , weight]) => Math.abs(weight)), 1e-12);
  let size = slider ? Number(slider.max) : Infinity;
  let chosen = null;

  const kept = (node) => node.rank <= size; // error nodes and the output have rank 0
  const bothKept = ([source, target]) => kept(nodes[source]) && kept(nodes[target]);
  let shown = { nodes: nodes.map(() => true), edges: edges.map(() => true) };
  const tokens = (node) => node.promotes || node.tokens || [];
  const short = (node) => node.id.slice(node.id.indexOf("/") + 1);
  const hint = (node) => (tokens(node).length ? visible(tokens(node)[0]) : "");

  const cut = (text) => ([...text].length > 12 ? `${[...text].slice(0, 11).join("")}…` : text); // as wide as a column
  const columns = nodes.map((node) => node.column);
  // Rows of a wide graph stand farther apart, so that it fills its frame and their names have room.
  const frame = document.getElementById("graph");
  const high = ((Math.max(...columns) - Math.min(...columns)) * 84 * frame.clientHeight) / frame.clientWidth / (Math.max(...lines) + 1);
  const SPACE = { x: 84, y: Math.max(96, high || 0) }; // no number where there are no nodes
  const cy = cytoscape({
    container: frame,
    elements: [
      ...nodes.map((node, number) => ({
        data: { id: `n${number}`, label: `${short(node)}\n${cut(hint(node))}`.trim(), size: (node.pictures ? 30 : 16) + 26 * Math.sqrt(Math.min(1, Math.abs(node.score) / strongest)), ...(node.pictures && { picture: node.pictures[0].src }) },
        classes: `${node.kind} ${node.score > 0 ? "up" : "down"} ${node.pictures ? "pictured" : ""}`,
        position: { x: node.column * SPACE.x, y: -node.row * SPACE.y },
        grabbable: false,
      })),
      ...edges.map(([source, target, weight], number) => ({
        data: { id: `e${number}`, source: `n${source}`, target: `n${target}`, width: 0.6 + 5 * Math.abs(weight) / heaviest },
        classes: weight > 0 ? "up" : "down",
      })),
    ],
    style: style(),
    layout: { name: "preset", padding: 24 },
    minZoom: 0.01, maxZoom: 4,
    boxSelectionEnabled: false,
    autounselectify: true,
  });
  const drawnNodes = nodes.map((_, number) => cy.getElementById(`n${number}`));
  const drawnEdges = edges.map((_, number) => cy.getElementById(`e${number}`));

  function style() {
    return [
      { selector: "node", style: { width: "data(size)", height: "data(size)", label: "data(label)", color: colour("text"), "font-size": 11, "text-valign": "bottom", "text-margin-y": 3, "text-wrap": "wrap", "background-color": colour("other"), "border-width": 0, "min-zoomed-font-size": 9 } },
      { selector: "node.up", style: { "background-color": colour("up") } },
      { selector: "node.down", style: { "background-color": colour("down") } },
      { selector: "node.pictured", style: { shape: "rectangle", "background-image": "data(picture)", "background-fit": "cover", "background-image-smoothing": "no", "border-width": 3, "border-color": colour("other") } },
      { selector: "node.pictured.up", style: { "border-color": colour("up") } },
      { selector: "node.pictured.down", style: { "border-color": colour("down") } },
      { selector: "node.error", style: { shape: "diamond", "background-color": colour("other") } },
      { selector: "node.output", style: { shape: "round-rectangle", "background-color": colour("text"), width: 30, height: 18 } },
      { selector: "edge", style: { width: "data(width)", "curve-style": "haystack", "haystack-radius": 0, "line-color": colour("other"), opacity: 0.55 } },
      { selector: "edge.up", style: { "line-color": colour("up") } },
      { selector: "edge.down", style: { "line-color": colour("down") } },
      { selector: ".left-out", style: { display: "none" } },
      { selector: "node.found", style: { "border-width": 4, "border-color": colour("link") } },
      { selector: "node.chosen", style: { "border-width": 4, "border-color": colour("chosen") } },
      { selector: "edge.chosen", style: { opacity: 1 } },
    ];
  }

  // ---- the names of sites: at the left edge, in letters of one size at every zoom; of rows too near, the lower one's.
  const names = rows.map((site) => el("span", {}, site));
  const sites = el("div", { id: "sites", "aria-hidden": "true" }, ...names);
  frame.append(sites);
  function placeNames() {
    let free = Infinity;
    names.forEach((name, row) => {
      const y = cy.pan().y - lines[row] * SPACE.y * cy.zoom();
      name.style.top = `${y}px`;
      name.hidden = y > free;
      if (!name.hidden) free = y - 16;
    });
  }
  function fit() {
    const widest = Math.max(...names.map((name) => name.offsetWidth)) + 16;
    const { x1, y1, w, h } = cy.elements().boundingBox();
    const room = [frame.clientWidth - widest - 24, frame.clientHeight - 48];
    const zoom = Math.min(1.5, room[0] / w, room[1] / h);
    cy.viewport({ zoom, pan: { x: widest + (room[0] - w * zoom) / 2 - x1 * zoom, y: 24 + (room[1] - h * zoom) / 2 - y1 * zoom } });
  }
  cy.on("viewport", placeNames);
  if (nodes.length) fit();

  // What a drag asks for many times is done once a frame.
  let waiting = null;
  function later(draw) {
    if (waiting === null) requestAnimationFrame(() => { const latest = waiting; waiting = null; latest(); });
    waiting = draw;
  }

  // ---- the slider
  function keep(wanted) {
    size = wanted;
    // Only what changes is touched, in one step: each change of a class costs a new style.
    const changed = cy.collection([
      ...nodes.flatMap((node, number) => (kept(node) === shown.nodes[number] ? [] : [drawnNodes[number]])),
      ...edges.flatMap((edge, number) => (bothKept(edge) === shown.edges[number] ? [] : [drawnEdges[number]])),
    ]);
    shown = { nodes: nodes.map(kept), edges: edges.map(bothKept) };
    cy.batch(() => changed.toggleClass("left-out"));
    if (curve) {
      const told = faithfulness(size);
      document.getElementById("faithfulness").textContent = told;
      slider.setAttribute("aria-valuetext", told);
      later(() => plot.redraw(false));
    }
    table.rows.forEach(([node, row]) => row.classList.toggle("left-out", !kept(node)));
  }

  // Only what was measured is told: between two sizes, both of them.
  function faithfulness(wanted) {
    const at = (i) => `${show(curve.faithfulness[i])} (95 % ${show(curve.low[i])} to ${show(curve.high[i])}; random nodes ${show(curve.random[i])})`;
    const size = count(wanted, "node");
    const exact = curve.nodes.indexOf(wanted);
    if (exact >= 0) return `${size}: faithfulness ${at(exact)}`;
    if (wanted === whole.nodes) return `${size}: faithfulness ${show(whole.faithfulness)}, the study’s choice`;
    const after = curve.nodes.findIndex((measured) => measured > wanted);
    const parts = (after < 0 ? [curve.nodes.length - 1] : [after - 1, after]).filter((i) => i >= 0);
    return `${size}: not measured; faithfulness ${parts.map((i) => `${show(curve.faithfulness[i])} at ${curve.nodes[i]}`).join(", ")}`;
  }

  // ---- the panel
  function choose(id, move = true) {
    const number = place.get(id);
    if (number === undefined) return;
    const node = nodes[number];
    chosen = id;
    if (!kept(node)) { slider.value = node.rank; keep(node.rank); }
    cy.batch(() => {
      cy.elements(".chosen").removeClass("chosen");
      drawnNodes[number].addClass("chosen");
      drawnNodes[number].connectedEdges().addClass("chosen");
    });
    const { x1, y1, x2, y2 } = cy.extent();
    const { x, y } = drawnNodes[number].position();
    if (move && (x < x1 || x > x2 || y < y1 || y > y2)) cy.animate({ center: { eles: drawnNodes[number] }, duration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200 });
    const side = (mine, other) => edges
      .filter((edge) => edge[mine] === number)
      .sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]))
      .map((edge) => ({ id: nodes[edge[other]].id, weight: edge[2], label: nodes[edge[other]].label }));
    showNode(panel, node, {
      numbers: [
        [scored[0], node.score, node.how || scored[1]],
        ["the same, ablated alone", node.effect, "on held-out pairs"],
        ["rank", node.rank || undefined, ""],
        ["position", node.position, ""],
      ],
      neighbours: [["Upstream", side(1, 0)], ["Downstream", side(0, 1)]],
      choose,
    });
    table.rows.forEach(([other, row]) => row.classList.toggle("chosen", other.id === id));
    history.replaceState(null, "", `#${encodeURIComponent(id)}`);
  }

  // ---- the list of nodes
  const table = { rows: [] };
  const list = sortableTable(document.getElementById("nodes"), [
    { id: "node", title: "node", text: true, heads: true, value: (node) => node.id, cell: (node) => el("button", { type: "button", onclick: () => choose(node.id) }, node.id) },
    { id: "rank", title: "rank", value: (node) => node.rank || undefined, cell: (node) => (node.rank ? String(node.rank) : "kept") },
    { id: "score", title: "score", value: (node) => Math.abs(node.score), cell: (node) => show(node.score) },
    { id: "promotes", title: curve ? "promotes" : "tokens", text: true, value: (node) => tokens(node).join(" "), cell: (node) => tokenList(tokens(node).slice(0, 4)) },
    { id: "label", title: "label", text: true, class: "label", value: (node) => node.label || "", cell: (node) => node.label || "" },
  ], { sort: [{ id: "score", desc: true }], found: matches });
  list.ondraw = () => {
    const lines = [...document.querySelectorAll("#nodes tbody tr")];
    const byId = new Map(lines.map((line) => [line.firstChild.textContent, line]));
    table.rows = nodes.filter((node) => byId.has(node.id)).map((node) => [node, byId.get(node.id)]);
    table.rows.forEach(([node, row]) => { row.classList.toggle("left-out", !kept(node)); row.classList.toggle("chosen", node.id === chosen); });
  };

  function matches(node, wanted) {
    const told = [node.id, node.label, ...tokens(node), ...(node.suppresses || [])];
    return told.join("\n").toLowerCase().includes(wanted.toLowerCase());
  }

  function find() {
    list.filter = search.value;
    const found = new Set(search.value ? list.matches.map((node) => node.id) : []);
    cy.batch(() => nodes.forEach((node, number) => drawnNodes[number].toggleClass("found", found.has(node.id))));
    document.getElementById("matches").textContent = `${list.matches.length} of ${count(nodes.length, "node")}`;
  }

  // ---- the curve
  function drawCurve() {
    const element = document.getElementById("curve");
    const line = (name, rest = {}) => ({ stroke: colour(name), width: 2, points: { size: 6 }, ...rest });
    const axis = { stroke: colour("text"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") } };
    element.replaceChildren();
    return new uPlot({
      width: Math.max(280, element.clientWidth), height: 240, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, distr: 3 }, y: {} },
      axes: [{ ...axis, label: "nodes", values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : String(tick))) }, axis],
      series: [{}, line("up"), line("up", { width: 0, points: { show: false } }), line("up", { width: 0, points: { show: false } }), line("down"), line("other", { dash: [3, 4] })],
      bands: [{ series: [3, 2], fill: `color-mix(in srgb, ${colour("up")} 22%, transparent)` }],
      hooks: { draw: [(chart) => {
        const at = chart.valToPos(size, "x", true);
        const { ctx, bbox } = chart;
        ctx.save();
        ctx.strokeStyle = colour("chosen");
        ctx.beginPath(); ctx.moveTo(at, bbox.top); ctx.lineTo(at, bbox.top + bbox.height); ctx.stroke();
        ctx.restore();
      }] },
    }, [curve.nodes, curve.faithfulness, curve.low, curve.high, curve.completeness, curve.random], element);
  }
  let plot = curve && drawCurve();

  cy.on("tap", "node", ({ target }) => choose(nodes[Number(target.id().slice(1))].id, false));
  slider?.addEventListener("input", () => keep(Number(slider.value)));
  search.addEventListener("input", find);
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("fit").addEventListener("click", fit);
  onSchemeChange(() => { cy.style(style()); plot = curve && drawCurve(); });
  addEventListener("resize", () => { plot = curve && drawCurve(); });
  list.data = nodes;
  find();
  keep(size);
  choose(decodeURIComponent(location.hash.slice(1)));
  REPORT.viewer = { cy, choose, place }; // for tests and for the curious
})();
