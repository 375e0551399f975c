// What is drawn often is drawn only while it is on the screen.

const AHEAD = "200px"; // around the screen

/** A function that draws an element, at once or as soon as it comes onto the screen. */
export function whenSeen(element, draw) {
  let isSeen = false, isDue = false;
  const observer = new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    if (isSeen && isDue) { isDue = false; draw(); }
  }, { rootMargin: AHEAD });
  observer.observe(element);
  return () => { if (isSeen) draw(); else isDue = true; };
}
