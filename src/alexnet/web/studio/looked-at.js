// The run and the folder that were looked at last, to which the links of the header lead; kept for this tab of the browser.

const key = (kind) => `looked-at-${kind}`;

export class LookedAt {
  /** The name of a `run` or a `folder`; null before one was looked at. */
  last(kind) { return kind ? sessionStorage.getItem(key(kind)) : null; }

  remember(kind, name) { sessionStorage.setItem(key(kind), name); }

  /** Where there is none of that name any more. */
  forget(kind, name) { if (this.last(kind) === name) sessionStorage.removeItem(key(kind)); }
}
