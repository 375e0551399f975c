// Requests to the server that this page came from. An error is one line, as the server says it,
// with its `status`, or with `isAway` where no server answered.

/** What the server answers to a path below /api/.
 * @param {{signal?: AbortSignal}} options */
export async function get(path, options = {}) {
  return read(() => fetch(`/api/${path}`, options));
}

/** Send an object.
 * @param {{signal?: AbortSignal}} options */
export async function post(path, values = {}, options = {}) {
  const body = JSON.stringify(values);
  return read(() => fetch(`/api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body, ...options }));
}

/** Send a file.
 * @param {{signal?: AbortSignal}} options */
export async function upload(path, file, options = {}) {
  const headers = { "content-type": "application/octet-stream" };
  if (!(await isReadable(file))) throw new Error(`${file.name ?? "the image"}: cannot be read. Choose files, not folders.`);
  return read(() => fetch(`/api/${path}`, { method: "POST", headers, body: file, ...options }));
}

/** Whether the browser can read a file: a folder that is dropped looks like one. */
const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

/** A name as a part of a path. */
export const part = encodeURIComponent;

async function read(ask) {
  let answer;
  try {
    answer = await ask();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The studio does not answer. If it was stopped, run `alexnet studio` again; this page then reconnects."), { isAway: true });
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(values.error ?? `the server answered ${answer.status}`), { status: answer.status });
  return values;
}
