// Every artefact with its hash and the command that makes it.
"use strict";

(() => {
  const search = document.getElementById("search");
  const list = sortableTable(document.getElementById("artefacts"), [
    { id: "path", title: "artefact", text: true, heads: true, value: (row) => row.path, cell: (row) => el("code", {}, row.path) },
    { id: "bytes", title: "bytes", value: (row) => row.bytes, cell: (row) => (row.bytes === undefined ? "–" : row.bytes.toLocaleString("en")) },
    { id: "sha256", title: "sha256", text: true, class: "hash", value: (row) => row.sha256, cell: (row) => el("code", {}, row.sha256) },
    { id: "command", title: "command", text: true, value: (row) => row.command, cell: (row) => el("code", {}, row.command) },
  ], { sort: [{ id: "path", desc: false }], found: (row, wanted) => `${row.path}\n${row.sha256}`.includes(wanted) });
  list.ondraw = () => { document.getElementById("matches").textContent = count(list.matches.length, "artefact"); };
  search.addEventListener("input", () => { list.filter = search.value; });
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  list.data = REPORT.artefacts;
})();
