// Images of one's own, dropped on a part of the page or pasted.

/** Call `take` with a file that is dropped on `root` or pasted; returns what ends that. */
export function listenForImages(root, take) {
  const paste = (event) => { const [file] = event.clipboardData?.files ?? []; if (file) take(file); };
  const over = (event) => event.preventDefault();
  const drop = (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) take(file);
  };
  addEventListener("paste", paste);
  root.addEventListener("dragover", over);
  root.addEventListener("drop", drop);
  return () => removeEventListener("paste", paste);
}

/** Whether the name of an image is that of one that was sent to the server, not of one of a run's images. */
export const isOwn = (name) => Boolean(name?.startsWith("sent:"));

/** The name of an image as it is shown. */
export const imageName = (name) => (isOwn(name) ? "your own image" : name);
