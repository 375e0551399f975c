// Of which class an image is: a button for each class that has a key, and a field in which any class is found by its name.
import { fill, h } from "./dom.js";

const NUM_DIGITS = 9; // classes that have a key
const NUM_NAMED = 3; // classes that a line names

export class ClassChoice {
  #classes = []; #turn = "";

  /** `decide(name, isNew)` hears of which class it is, and whether that is to be a class from now on. */
  constructor(decide) {
    this.decide = decide;
    this.buttons = h("div", { class: "classes" });
    this.field = h("input", { type: "search", id: "other-class", list: "every-class", size: 14, placeholder: "another class", "aria-label": "another class, by its name",
      autocomplete: "off", oninput: () => fill(this.line), onkeydown: (event) => this.#leave(event) });
    this.names = h("datalist", { id: "every-class" });
    this.line = h("p", { class: "soft", role: "status" });
    this.element = h("div", {}, this.buttons,
      h("form", { class: "begin other", onsubmit: (event) => { event.preventDefault(); this.#find(); } }, this.field, this.names, h("button", { title: "o" }, "Take it")), this.line);
  }

  /** Offer classes. */
  show(classes) {
    if (classes.join("\n") === this.#turn) return;
    this.#turn = classes.join("\n");
    this.#classes = classes;
    fill(this.names, classes.slice(NUM_DIGITS).map((value) => h("option", { value })));
    fill(this.buttons, classes.slice(0, NUM_DIGITS).map((each, place) => {
      const button = h("button", { type: "button", onclick: () => this.decide(each, false) }, h("kbd", {}, place + 1), ` ${each}`);
      button.style.setProperty("--class", `var(--class-${place % 8})`);
      return button;
    }));
  }

  focus() { this.field.focus(); }

  /** The class that was typed, as far as it is the only one. */
  #find() {
    const text = this.field.value.trim(), low = text.toLowerCase();
    if (!text) return;
    const same = this.#classes.filter((each) => each.toLowerCase() === low), begun = this.#classes.filter((each) => each.toLowerCase().startsWith(low));
    const found = this.#classes.includes(text) ? [text] : same.length > 0 ? same : begun;
    if (found.length === 1) this.#take(found[0], false);
    else if (found.length > 1) {
      const more = found.length > NUM_NAMED ? ` and ${found.length - NUM_NAMED} more` : "";
      fill(this.line, `${found.slice(0, NUM_NAMED).join(", ")}${more} begin with it; type more of the name.`);
    } else {
      fill(this.line, `There is no class ${text}. `, h("button", { type: "button", onclick: () => this.#take(text, true) }, `Make ${text} a class`));
    }
  }

  #take(name, isNew) {
    this.field.value = "";
    fill(this.line);
    this.decide(name, isNew);
  }

  #leave(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    this.field.value = "";
    fill(this.line);
    this.field.blur();
  }
}
