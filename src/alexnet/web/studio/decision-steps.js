// The decisions of this tab about the images of a folder, {files, action, to}, so that each is undone as one and nobody else's.

const STEPS = new Map(); // of every folder, the last one last

export class DecisionSteps {
  constructor(folder) {
    this.folder = folder;
    if (!STEPS.has(folder)) STEPS.set(folder, JSON.parse(sessionStorage.getItem(`steps:${folder}`) ?? "[]").filter((step) => step?.files));
  }

  get #steps() { return STEPS.get(this.folder); }

  add(step) { this.#steps.push(step); this.#save(); }

  /** Forget a decision that was not taken. */
  remove(step) {
    const place = this.#steps.lastIndexOf(step);
    if (place >= 0) this.#steps.splice(place, 1);
    this.#save();
  }

  /** The last decision, which is forgotten here, and what puts it back; null where there is none. */
  takeLast() {
    const place = this.#steps.length - 1, step = this.#steps.pop();
    this.#save();
    return step ? { step, putBack: () => { this.#steps.splice(place, 0, step); this.#save(); } } : null;
  }

  /** As many of the last ones as there is room for. */
  #save() {
    for (let first = 0; first <= this.#steps.length; first += 1) {
      try { sessionStorage.setItem(`steps:${this.folder}`, JSON.stringify(this.#steps.slice(first))); return; } catch { /* one fewer */ }
    }
  }
}

/** A decision in words. */
export const decisionWords = ({ action, to }) => ({ relabel: `it is ${to}`, both: `it is ${to} too`, exclude: "excluded from trainings", fine: "the label is correct" })[action];

/** Of the decisions about a folder, how many change a label or leave an image out; `fine` changes nothing. */
export const numChanges = (corrections) => Object.values(corrections).filter(({ action }) => action !== "fine").length;
