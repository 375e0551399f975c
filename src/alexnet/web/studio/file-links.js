// Links to files that the server makes: a figure as PNG and SVG, a table as CSV.
import { part } from "./api.js";
import { h } from "./dom.js";

/** Links [[label, path below /api/, what it is], ...] in one line. */
export const fileLinks = (...files) => h("span", { class: "files" }, "Save ", files.map(([label, path, words], place) => [place > 0 && " · ",
  h("a", { href: `/api/${path}`, download: true, "aria-label": `${label}: ${words}` }, label)]));

/** Those of a figure at a path below /api/ as PNG and SVG; `words` say what it shows. `table` is the path of its numbers. */
export const drawingLinks = (path, words, table = null) => {
  const ask = path.includes("?") ? "&" : "?";
  return fileLinks(...["png", "svg"].map((kind) => [kind.toUpperCase(), `${path}${ask}format=${kind}&download=1`, words]), ...(table ? [["CSV", table, `${words}, in numbers`]] : []));
};

/** Those of a figure of a run, and of its numbers, the table of a run. */
export const figureLinks = (run, figure, words, table) => drawingLinks(`runs/${part(run)}/figures/${figure}`, words, `runs/${part(run)}/tables/${table}`);

/** Those of tables of a run: [[table, label], ...]. */
export const tableLinks = (run, ...tables) => fileLinks(...tables.map(([table, label]) => [label, `runs/${part(run)}/tables/${table}`, `${table} as a table`]));
