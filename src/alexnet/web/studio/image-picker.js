// Choosing an image of the folders that are here: a folder, a class, thumbnails; or one at random.
import { get, part } from "./api.js";
import { fill, h, numberOf } from "./dom.js";
import { ImageGrid } from "./image-grid.js";

export class ImagePicker {
  #turn = 0; #values = null; #class = "";

  /** `folders` are names; `chosen` gets {folder, file, className, split, source}, `source` being the address of the
   * image; `say` announces a line; `thumbnail` is the address of one, of a folder, a number and a version. */
  constructor({ folders, chosen, say, thumbnail = thumbnailOf }) {
    this.chosen = chosen; this.say = say; this.thumbnail = thumbnail;
    this.selected = new Set(); // the number of the image that is shown
    this.folder = h("select", { onchange: () => this.open(this.folder.value) }, h("option", { value: "" }, folders.length ? "choose one" : "there is none yet"),
      folders.map((each) => h("option", { value: each }, each)));
    this.className = h("select", { "aria-label": "class", onchange: () => this.#choose(this.className.value) });
    this.rest = h("span", { class: "begin" });
    this.count = h("span", { class: "soft", role: "status" });
    this.thumbnails = h("div", { class: "thumbnails", hidden: true });
    this.root = h("div", { class: "picker" }, h("div", { class: "begin" }, h("label", {}, "an image of the folder ", this.folder), this.rest), this.thumbnails);
    this.grid = new ImageGrid(this.thumbnails, {
      source: (item) => this.#address(item), label: (item) => this.#values.files[item][0].split("/").at(-1), badge: () => ({}), selected: this.selected,
      onchange: () => this.#pick(this.grid.active), onopen: (item) => this.#pick(item),
    });
    this.grid.element.setAttribute("aria-multiselectable", "false");
  }

  /** Show the images of a folder; with `file`, choose that one. */
  async open(folder, file = "") {
    const turn = ++this.#turn;
    this.folder.value = folder;
    this.thumbnails.hidden = !this.folder.value;
    fill(this.rest);
    if (!this.folder.value) {
      if (folder) this.say(`There is no folder ${folder} here; choose another.`);
      return;
    }
    try {
      const values = await get(`folders/${part(folder)}/images`);
      if (turn === this.#turn) this.#show(folder, values, file);
    } catch (error) { this.say(error.message); }
  }

  /** No image of a folder is shown any more. */
  leave() { this.selected.clear(); this.grid.refresh(); }
  close() { this.#turn += 1; this.grid.close(); }

  #show(folder, values, file) {
    this.#values = values; this.name = folder;
    this.selected.clear();
    fill(this.className, h("option", { value: "" }, "all classes"), values.classes.map((each) => h("option", { value: each }, each)));
    fill(this.rest, h("label", {}, "class ", this.className), h("button", { type: "button", onclick: () => this.#random() }, "A random one"), this.count);
    const item = file ? values.files.findIndex(([each]) => each === file) : -1;
    if (file && item < 0) this.say(`${file} is not in ${folder} any more; choose another image.`);
    this.#choose(item < 0 ? "" : values.classes[values.files[item][1]]);
    if (item >= 0) this.grid.choose(item);
  }

  #choose(name) {
    this.#class = name;
    this.className.value = name;
    const number = this.#values.classes.indexOf(name), items = [];
    this.#values.files.forEach((file, item) => { if (number < 0 || file[1] === number) items.push(item); });
    this.items = items;
    this.count.textContent = numberOf(items.length, "image");
    this.grid.show(items);
  }

  #random() {
    const others = this.items.filter((item) => !this.selected.has(item));
    if (others.length > 0) this.grid.choose(others[Math.floor(Math.random() * others.length)]);
  }

  #pick(item) {
    const { files, classes, splits } = this.#values, [file, number, split] = files[item];
    this.selected.clear();
    this.selected.add(item);
    this.grid.refresh();
    this.chosen({ folder: this.name, file, className: classes[number], split: splits[split], source: `${this.#address(item)}&large=1` });
  }

  #address(item) { return this.thumbnail(this.name, item, this.#values.version); }
}

const thumbnailOf = (folder, item, version) => `/api/folders/${part(folder)}/thumbnails/${item}?v=${version}`;
