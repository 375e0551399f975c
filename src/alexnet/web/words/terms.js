// Terms of the field, a sentence each, and the button `?` that shows it: the one place where pages explain them.

export const TERMS = {
  "95 % interval": "If the network were tested on new images again and again, 95 of 100 intervals made this way would contain its true value; more test images make it narrower.",
  "calibration error": "The mean distance between how certain the network is and how often it is right, over groups of images of similar certainty.",
  doubt: "The probability of the suggested class, divided by the sum of the probabilities of that class and of the label; above 50 % the networks prefer the suggested class.",
  epoch: "One pass over all training images.",
  "insertion and deletion": "The mean probability of the class while the most important parts of the image come back into a gray image, minus that while they are taken away: 0 is chance, 1 is best.",
  logit: "The number that the last layer gives to a class, before softmax turns those of all classes into probabilities.",
  loss: "Minus the natural logarithm of the probability that the network gives to the true class: 0 is best, and training makes it smaller.",
  LRN: "Local response normalization divides each value by a number that grows with the squares of the values at the same place in neighboring maps, so that strong maps damp the others.",
  margin: "The probability of the predicted class minus that of the next one; where it is small, the decision was close.",
  padding: "Values around the image on which the kernel may lie too, so that the output does not shrink; the border says what they are.",
  precision: "Of the images that are predicted as a class, the fraction that is of that class.",
  recall: "Of the images of a class, the fraction that is predicted as that class.",
  "receptive field": "The part of the image that the value depends on; what lies outside cannot change it.",
  softmax: "Turns the logits into probabilities: the exponential of each, divided by the sum of the exponentials of all.",
  stride: "How many pixels the kernel moves from one output to the next.",
  structure: "How alike a kernel is to itself when it is shifted by a pixel or two: about 0.1 for noise, close to 1 for smooth edges and bars.",
  temperature: "A number by which the logits are divided before softmax: above 1 it makes the probabilities less extreme.",
  "top-5 error": "The fraction of test images whose true class is not among the five most probable ones.",
};

export const TERM_STYLE = new CSSStyleSheet();
TERM_STYLE.replaceSync(`
  .term { display: inline-block; font-weight: 400; }
  .term > button { min-width: 24px; min-height: 24px; padding: 0; font: inherit; font-size: .8rem; line-height: 1; color: var(--soft); background: none;
    border: 1px solid var(--line); border-radius: 50%; cursor: pointer; vertical-align: middle; }
  .term > button:hover { color: var(--accent); border-color: var(--accent); }
  .term > button:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  .term > [popover] { position: fixed; inset: auto; margin: 0; box-sizing: border-box; width: min(20rem, 100vw - 16px); padding: 8px 12px; font-size: .9rem; line-height: 1.4; text-align: left; white-space: normal;
    color: var(--ink); background: var(--ground); border: 1px solid var(--line); border-radius: 8px; box-shadow: 0 2px 8px rgb(0 0 0 / .25); }
  @media print { .term { display: none; } }
`);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, TERM_STYLE];

const NOTE_WIDTH = 336; // px that a note takes with its margin
const NOTE_HEIGHT = 140; // px below the button that it needs, else it stands above

/** A `?` that explains a term: a click, Enter or Space shows its sentence, Escape or a click elsewhere hides it. */
export function term(name) {
  if (!Object.hasOwn(TERMS, name)) throw new Error(`${name}: no sentence explains it`);
  const root = document.createElement("span"), button = document.createElement("button"), note = document.createElement("span");
  root.className = "term";
  button.type = "button"; button.textContent = "?"; button.dataset.control = `term-${name}`;
  button.setAttribute("aria-label", `Explain ${name}`);
  note.setAttribute("role", "status");
  note.popover = "auto";
  button.popoverTargetElement = note;
  const follow = () => place(note, button.getBoundingClientRect());
  note.addEventListener("beforetoggle", (/** @type {ToggleEvent} */ { newState }) => {
    note.textContent = newState === "open" ? TERMS[name] : "";
    if (newState !== "open") { removeEventListener("scroll", follow, true); return; }
    follow();
    addEventListener("scroll", follow, { capture: true, passive: true });
  });
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !note.matches(":popover-open")) return;
    event.preventDefault(); event.stopPropagation(); // it closes the note, and nothing else
    note.hidePopover();
  });
  root.append(button, note);
  return root;
}

/** Put a note below its button, or above where there is no room. */
function place(note, { left, top, bottom }) {
  const isBelow = bottom + NOTE_HEIGHT < innerHeight;
  note.style.left = `${Math.max(8, Math.min(left, innerWidth - NOTE_WIDTH))}px`;
  note.style.top = isBelow ? `${bottom + 4}px` : "auto";
  note.style.bottom = isBelow ? "auto" : `${innerHeight - top + 4}px`;
}
