// The browser of an autoencoder's features; its data is loaded when it is chosen.
"use strict";

(() => {
  const [panel, select, search, described] = ["panel", "sae", "search", "described"].map((id) => document.getElementById(id));
  const PAGE = 50;
  let chosen = null;

  const list = sortableTable(document.getElementById("features"), [
    { id: "feature", title: "feature", heads: true, value: (row) => row.index, cell: (row) => el("button", { type: "button", onclick: () => choose(row) }, String(row.index)) },
    { id: "density", title: "density", value: (row) => row.density, cell: (row) => show(row.density) },
    { id: "score", title: "largest score", value: (row) => row.score, cell: (row) => show(row.score) },
    { id: "tasks", title: "in circuits of", text: true, value: (row) => row.tasks, cell: (row) => row.tasks },
    { id: "label", title: "label", text: true, class: "label", value: (row) => row.note.label || "", cell: (row) => row.note.label || "" },
  ], {
    page: PAGE,
    sort: [{ id: "score", desc: true }],
    rowAttributes: (row) => ({ class: row.index === chosen ? "chosen" : null }),
    found: (row, wanted) => (!described.checked || row.isDescribed) && row.text.includes(wanted.text),
  });

  list.ondraw = () => {
    document.getElementById("matches").textContent = count(list.matches.length, "feature");
    document.getElementById("pages").textContent = `page ${list.page + 1} of ${Math.max(1, list.pages)}`;
    document.getElementById("previous").disabled = list.page === 0;
    document.getElementById("next").disabled = list.page + 1 >= list.pages;
  };

  function rowsOf(sae) {
    return sae.density.map((density, index) => {
      const note = sae.described[index] || {};
      const tasks = note.tasks || [];
      return {
        index, density, note,
        isDescribed: index in sae.described,
        score: tasks.length ? Math.max(...tasks.map(([, score]) => Math.abs(score))) : undefined,
        tasks: tasks.map(([task]) => task).join(", "),
        text: [index, note.label, ...(note.promotes || []), ...tasks.map(([task]) => task)].join("\n").toLowerCase(),
      };
    });
  }

  function choose(row) {
    chosen = row.index;
    list.draw();
    document.querySelector("#features tr.chosen button")?.focus();
    showNode(panel, { density: row.density, ...row.note }, {
      title: `${REPORT.sae.site}/${row.index}`,
      numbers: (row.note.tasks || []).map(([task, score]) => [`score in ${task}`, score, "by attribution"]),
    });
  }

  function load() {
    const script = el("script", { src: select.value });
    script.addEventListener("load", () => { chosen = null; list.data = rowsOf(REPORT.sae); filter(); script.remove(); });
    document.body.append(script);
  }

  // A new object each time, so that the table filters anew when only the checkbox has changed.
  const filter = () => { list.filter = { text: search.value.toLowerCase() }; };

  select.addEventListener("change", load);
  search.addEventListener("input", filter);
  described.addEventListener("change", filter);
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("previous").addEventListener("click", () => { list.page = list.page - 1; });
  document.getElementById("next").addEventListener("click", () => { list.page = list.page + 1; });
  load();
})();
