"use strict";

// Tables: a click on a column header sorts the rows of each group: ascending, descending, as before.
const NEXT_ORDER = { none: "ascending", ascending: "descending", descending: "none" };

function compareCells(a, b, sign) {
  const [first, second] = [a, b].map((cell) => cell.dataset.value ?? cell.textContent.trim());
  if (!first || !second) return !first - !second; // missing values are last
  const difference = first - second;
  return sign * (Number.isNaN(difference) ? first.localeCompare(second) : difference);
}

function sortRows(rows, column, order, byMetric) {
  if (order === "none") return rows;
  const sign = order === "ascending" ? 1 : -1;
  return [...rows].sort(
    (a, b) =>
      (byMetric && a.dataset.metric.localeCompare(b.dataset.metric)) ||
      compareCells(a.cells[column], b.cells[column], sign),
  );
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  const groups = [...table.tBodies].map((body) => [
    body,
    [...body.rows].filter((row) => !row.querySelector("[scope=rowgroup]")),
  ]);
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    header.ariaSort = "none";
    button.addEventListener("click", () => {
      const order = NEXT_ORDER[header.ariaSort];
      for (const other of headers) other.ariaSort = "none";
      header.ariaSort = order;
      for (const [body, rows] of groups)
        body.append(...sortRows(rows, column, order, "byMetric" in header.dataset));
    });
  });
}

// The menu of models closes after a choice, with Escape, and when the focus or pointer goes elsewhere.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("click", (event) => {
    if (event.target.closest("a")) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  });
  for (const type of ["focusin", "pointerdown"])
    document.addEventListener(type, (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
}
