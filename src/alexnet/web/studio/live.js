// One WebSocket for a tab: the server tells when something that the page shows has changed. If it is lost, the page
// connects again and asks for what it showed, so that a server that was started again goes on where it was.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 5000;

export class Live extends EventTarget {
  #socket = null; #wait = FIRST_WAIT; #topics = new Map(); #next = 1; #timer = 0;

  /** `open`, `lost` or `idle`, where nothing is followed. */
  state = "idle";

  /** Follow a topic, for example {run: "first"}: `show` gets every new state. Returns a function that ends it. */
  follow(topic, show) {
    const id = this.#next++;
    this.#topics.set(id, { topic, show });
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send({ follow: topic, id });
    else this.#connect();
    return () => {
      this.#topics.delete(id);
      if (this.#socket?.readyState === WebSocket.OPEN) this.#send({ leave: id });
      if (this.#topics.size === 0) this.#end();
    };
  }

  #send(values) { this.#socket.send(JSON.stringify(values)); }

  #end() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#become("idle");
  }

  #connect() {
    if (this.#socket) return;
    const socket = new WebSocket(`ws://${location.host}/api/live`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#wait = FIRST_WAIT;
      this.#become("open");
      for (const [id, { topic }] of this.#topics) this.#send({ follow: topic, id });
    };
    socket.onmessage = (event) => {
      const { id, ...values } = JSON.parse(event.data);
      this.#topics.get(id)?.show(values);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      this.#become("lost");
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#topics.size > 0 && this.#connect(), this.#wait);
      this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
    };
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
