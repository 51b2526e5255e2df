// What is known of one node: label, numbers, tokens, neighbours, contexts shaded by activation.
"use strict";

function showNode(panel, node, { title = node.id, numbers = [], neighbours = [], choose = () => {} } = {}) {
  const parts = [el("h2", {}, title)];
  if (node.label) parts.push(el("p", {}, node.label));
  const listed = [
    ...numbers,
    ["density", node.density, "of tokens"],
    ["mean activation", node.mean, "where active"],
    ["largest activation", node.max, ""],
    ["F1 of the label", node.f1, "on held-out text"],
  ].filter(([, value]) => value !== undefined && value !== null);
  if (listed.length) {
    parts.push(el("dl", {}, ...listed.flatMap(([name, value, unit]) => [
      el("dt", {}, name), el("dd", {}, `${typeof value === "number" ? show(value) : value} ${unit}`.trim()),
    ])));
  }
  for (const [name, tokens] of [["Promotes", node.promotes], ["Suppresses", node.suppresses], ["Largest in the embedding or unembedding", node.tokens]]) {
    if (tokens && tokens.length) parts.push(el("h3", {}, name), tokenList(tokens));
  }
  for (const [name, others] of neighbours) {
    if (others.length) parts.push(el("h3", {}, name), neighbourList(others, choose));
  }
  if (node.pictures) parts.push(el("h3", {}, "Top images"), pictureStrip(node.pictures));
  if (node.contexts && node.contexts.length) {
    const peak = Math.max(...node.contexts.flatMap((context) => context.activations));
    parts.push(el("h3", {}, "Top contexts"), ...node.contexts.map((context) => shaded(context, peak)));
  }
  panel.replaceChildren(...parts);
  panel.scrollTop = 0;
  const { top, bottom } = panel.getBoundingClientRect();
  if (top > innerHeight || bottom < 0) panel.scrollIntoView({ block: "nearest" });
}

function tokenList(tokens) {
  return el("div", { class: "tokens" }, ...tokens.map((token) => el("span", { class: "token" }, visible(token))));
}

function pictureStrip(pictures) {
  return el("div", { class: "pictures" }, ...pictures.map((picture) =>
    el("figure", {}, el("img", { src: picture.src, alt: `${picture.class}, warm where the feature is active` }), el("figcaption", {}, picture.class))));
}

function neighbourList(others, choose) {
  return el("ul", {}, ...others.map(({ id, weight, label }) =>
    el("li", {}, el("button", { type: "button", onclick: () => choose(id) }, id), ` ${show(weight)} `,
      el("small", {}, label || ""))));
}

function shaded({ tokens, activations, at }, peak) {
  return el("p", { class: "context" }, ...tokens.map((token, number) => {
    const share = Math.max(0, activations[number]) / peak;
    return el("span", {
      class: number === at ? "at" : null,
      style: share > 0 ? `--share:${(0.15 + 0.85 * share).toFixed(3)}` : "--share:0",
      title: activations[number] > 0 ? `activation ${show(activations[number])}` : null,
    }, token || (activations[number] > 0 ? "·" : ""));  // the first bytes of a character, which stands at its last
  }));
}
