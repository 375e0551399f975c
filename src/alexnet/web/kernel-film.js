// <kernel-film>: the kernels of a first layer from the start of training to its end; a slider, and a button that plays them.
//
// Data (JSON inside the element, or the property `data`):
//   epochs   [0, 1, ...]       of which there are kernels, ascending; 0 is the start
//   own      [source, ...]     an image for each epoch, every kernel on a scale of its own
//   common   [source, ...]     the same, all kernels and epochs on one scale
//   numbers  {epoch: line}     what is known of the kernels, in words
import { KernelFilm } from "./studio/kernel-film.js";

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; }
  img { width: min(48rem, 100%); image-rendering: pixelated; display: block; }
  input[type=range] { width: min(48rem, 100%); accent-color: var(--accent); }
  p { margin: .4rem 0; }
  .soft { color: var(--soft); font-size: .9rem; }
  button { font: inherit; font-size: .9rem; min-height: 2rem; padding: .15rem .6rem; margin-right: .6rem; color: var(--ink);
    background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; cursor: pointer; }
  :is(button, input):focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
`);

class KernelFilmElement extends HTMLElement {
  #film;

  connectedCallback() {
    if (this.shadowRoot) return;
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [STYLE];
    const holder = this.querySelector('script[type="application/json"]');
    if (holder) this.data = JSON.parse(holder.textContent);
    else if (this.#film) this.shadowRoot.replaceChildren(this.#film.root);
  }

  disconnectedCallback() { this.#film?.stop(); }

  set data({ epochs, own, common, numbers }) {
    this.#film = new KernelFilm((epoch, scale) => (scale === "common" ? common : own)[epochs.indexOf(epoch)], numbers);
    this.#film.show(epochs);
    this.shadowRoot?.replaceChildren(this.#film.root);
  }
}

customElements.define("kernel-film", KernelFilmElement);
