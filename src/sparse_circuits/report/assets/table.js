// A table that sorts and filters: TanStack Table keeps the state, this draws it.
// columns: {id, title, value(row), cell(row) -> node or text, text: is it text, heads: does it name the row, class}
"use strict";

function sortableTable(element, columns, { page = 0, sort = [], rowAttributes = () => ({}), found = () => true } = {}) {
  const { createTable, getCoreRowModel, getSortedRowModel, getFilteredRowModel, getPaginationRowModel } = TableCore;
  const change = (key) => (updater) => {
    state = { ...state, [key]: typeof updater === "function" ? updater(state[key]) : updater };
    draw();
  };
  const table = createTable({
    data: [],
    columns: columns.map((column) => ({
      id: column.id,
      accessorFn: column.value,
      sortingFn: column.text ? "text" : "basic",
      sortUndefined: "last",
      sortDescFirst: !column.text,
    })),
    state: {},
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: getSortedRowModel(),
    getFilteredRowModel: getFilteredRowModel(),
    globalFilterFn: (row, _, wanted) => found(row.original, wanted),
    getColumnCanGlobalFilter: () => true,
    onSortingChange: change("sorting"),
    onGlobalFilterChange: change("globalFilter"),
    onPaginationChange: change("pagination"),
    onStateChange: () => {},
    renderFallbackValue: null,
    ...(page ? { getPaginationRowModel: getPaginationRowModel() } : {}),
  });
  let state = { ...table.initialState, sorting: sort, pagination: { pageIndex: 0, pageSize: page || 1e9 } };
  let drawn = () => {};

  function head() {
    return el("thead", {}, el("tr", {}, ...columns.map((column) => {
      const sorted = table.getColumn(column.id).getIsSorted();
      const button = el("button", { type: "button", "data-column": column.id, onclick: () => sortBy(column.id) },
        column.title, { asc: " ▲", desc: " ▼" }[sorted] || "");
      return el("th", {
        scope: "col", class: column.text ? "text" : null,
        "aria-sort": { asc: "ascending", desc: "descending" }[sorted] || "none",
      }, button);
    })));
  }

  function sortBy(id) {
    table.getColumn(id).toggleSorting();
    element.querySelector(`[data-column="${id}"]`).focus(); // drawing anew took it away
  }

  function line({ original }) {
    return el("tr", rowAttributes(original), ...columns.map((column) => {
      const kind = [column.text ? "text" : "", column.class || ""].join(" ").trim() || null;
      return el(column.heads ? "th" : "td", { class: kind, scope: column.heads ? "row" : null }, column.cell(original));
    }));
  }

  function draw() {
    table.setOptions((options) => ({ ...options, state }));
    element.replaceChildren(head(), el("tbody", {}, ...table.getRowModel().rows.map(line)));
    drawn();
  }

  return {
    draw,
    get matches() { return table.getFilteredRowModel().rows.map((row) => row.original); },
    get pages() { return table.getPageCount(); },
    get page() { return state.pagination.pageIndex; },
    set data(rows) {
      table.setOptions((options) => ({ ...options, state, data: rows }));
      change("pagination")((old) => ({ ...old, pageIndex: 0 }));
    },
    set filter(wanted) {
      state = { ...state, pagination: { ...state.pagination, pageIndex: 0 } };
      change("globalFilter")(wanted);
    },
    set page(index) { change("pagination")((old) => ({ ...old, pageIndex: index })); },
    set ondraw(callback) { drawn = callback; },
  };
}
