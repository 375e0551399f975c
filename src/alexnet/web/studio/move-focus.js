// The arrow keys move the focus between elements as they stand on the page: to a neighbor, or to the next row.

const ACROSS = { ArrowLeft: -1, ArrowRight: 1 };

/** Answer a key press on one of some elements, given in their order; answers whether the focus has moved. */
export function moveFocus(event, elements) {
  const from = elements.indexOf(event.target);
  if (from < 0 || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return false;
  const to = event.key in ACROSS ? elements[from + ACROSS[event.key]]
    : event.key === "ArrowDown" ? inNextRow(elements, from, 1) : event.key === "ArrowUp" ? inNextRow(elements, from, -1) : null;
  if (!to) return false;
  event.preventDefault();
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
  return true;
}

/** The element of the next row below (1) or above (-1) that stands nearest, by the middle of its left and right side. */
function inNextRow(elements, from, direction) {
  const here = elements[from].getBoundingClientRect(), middle = (box) => (box.left + box.right) / 2;
  const boxes = elements.map((element) => ({ element, box: element.getBoundingClientRect() }))
    .filter(({ box }) => (direction > 0 ? box.top >= here.bottom : box.bottom <= here.top));
  const row = Math.min(...boxes.map(({ box }) => Math.abs(box.top - here.top)));
  const near = boxes.filter(({ box }) => Math.abs(Math.abs(box.top - here.top) - row) < 2);
  near.sort((a, b) => Math.abs(middle(a.box) - middle(here)) - Math.abs(middle(b.box) - middle(here)));
  return near[0]?.element;
}
