// Requests to the server that this page came from. An error is one line, as the server says it.

/** What the server answers to a path below /api/. */
export async function get(path, { signal } = {}) {
  return read(() => fetch(`/api/${path}`, { signal }));
}

/** Send an object. */
export async function post(path, values = {}, { signal } = {}) {
  const body = JSON.stringify(values);
  return read(() => fetch(`/api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body, signal }));
}

/** Send a file. */
export async function upload(path, file, { signal } = {}) {
  const headers = { "content-type": "application/octet-stream" };
  return read(() => fetch(`/api/${path}`, { method: "POST", headers, body: file, signal }));
}

/** A name as a part of a path. */
export const part = encodeURIComponent;

async function read(ask) {
  let answer;
  try {
    answer = await ask();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The studio does not answer. If it was ended, start `alexnet studio` again; this page then goes on.");
  }
  const values = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(values.error ?? `the server answered ${answer.status}`);
  return values;
}
