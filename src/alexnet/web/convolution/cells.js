// Numbers of the convolution lab as text, and tables of cells that hold them.

export function short(value) { return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))); }

/** A number where there is little room. */
export function brief(value) {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.0005 ? "~0" : String(Number(value.toPrecision(Math.abs(value) < 0.1 ? 1 : 2))).replace("0.", ".");
}

/** A number in a sum or a product. */
export function factor(value) { return value < 0 ? `(${short(value)})` : short(value); }

export function cellOf(text, style = "") {
  const cell = document.createElement("td");
  cell.textContent = text; cell.className = style;
  return cell;
}

export function gridOf(cells) {
  const table = document.createElement("table"), body = document.createElement("tbody");
  body.append(...cells.map((row) => { const line = document.createElement("tr"); line.append(...row); return line; }));
  table.append(body);
  return table;
}

/** Cells with an input each; `what` and its place are in their data and their names. */
export function editableOf(rows, what) {
  const isWide = rows[0].length > 7, table = gridOf(rows.map((row, i) => row.map((value, j) => {
    const cell = document.createElement("td"), input = document.createElement("input");
    input.value = isWide ? brief(value) : short(value); input.dataset.what = what; input.dataset.row = String(i); input.dataset.column = String(j);
    input.inputMode = "text"; input.setAttribute("aria-label", `${what} ${i}, ${j}`); input.autocomplete = "off";
    cell.append(input);
    return cell;
  })));
  table.classList.toggle("wide", isWide);
  return table;
}

/** Cells that are only shown. */
export function shownOf(rows) {
  const isWide = rows[0].length > 7, table = gridOf(rows.map((row) => row.map((value) => cellOf(isWide ? brief(value) : short(value)))));
  table.classList.toggle("wide", isWide);
  return table;
}
