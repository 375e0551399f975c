// The gallery at /components: each component alone on a page, /components/NAME, with data that are drawn here. It asks
// no server: what a component fetches is answered from its exhibit.
import { fill, h } from "../studio/dom.js";
import * as components from "./components.js";
import * as pieces from "./pieces.js";

/** Name → {about, answers, build({say, stage})}: build returns what is shown, or puts it into `stage`; answers is path below /api/ → what is answered. */
export const EXHIBITS = { ...components.EXHIBITS, ...pieces.EXHIBITS };

const main = document.querySelector("main");
const name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const ANSWERED = { status: 200, headers: { "content-type": "application/json" } };

function list() {
  return fill(main, h("h1", {}, "Components"), h("p", {}, "Each on a page of its own, with data that are drawn in code."),
    h("ul", {}, Object.entries(EXHIBITS).map(([each, { about }]) => h("li", {}, h("a", { href: `/components/${each}` }, each), `: ${about}`))));
}

async function show({ about, answers = {}, build }) {
  globalThis.fetch = async (address) => {
    const path = String(address).replace(/^\/api\//, ""), known = Object.keys(answers).find((each) => path.startsWith(each));
    return known ? new Response(JSON.stringify(answers[known]), ANSWERED) : new Response(JSON.stringify({ error: `${path} is not answered here` }), { ...ANSWERED, status: 404 });
  };
  const say = (text) => { document.querySelector("#said").textContent = text; };
  const stage = h("div", { class: "view inside run train" });
  fill(main, h("p", {}, h("a", { href: "/components" }, "Components")), h("h1", {}, name), h("p", {}, about), h("h2", {}, "With drawn data"), stage);
  const shown = await build({ say, stage });
  if (!stage.hasChildNodes()) fill(stage, shown);
  main.dataset.ready = "yes";
}

document.title = name || document.title;
if (!name) list();
else if (EXHIBITS[name]) show(EXHIBITS[name]);
else fill(main, h("h1", {}, "There is no such component"), h("p", {}, h("a", { href: "/components" }, "See those that there are"), "."));
