// A few workers that share the work; a task waits until one of them has room.

const LEAST = 2;
const MOST = 4;

/** How many tasks a worker has at a time: while one waits for the disk, another decodes. */
const AT_A_TIME = 2;

/** A worker could not be started, or ended. */
export class NoWorker extends Error {}

export class Pool {
  constructor(count = Math.min(Math.max(navigator.hardwareConcurrency || LEAST, LEAST), MOST)) {
    this.count = count;
    this.waiting = [];
    this.asked = new Map();
    this.next = 0;
    this.workers = [];
  }

  /** Do a task in whichever worker has room first. */
  run(kind, given, { signal } = {}) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ kind, given, signal, resolve, reject });
      while (this.workers.length < this.count) this.workers.push(this.#start());
      this.#goOn();
    });
  }

  /** Do a task in each of the workers. */
  everywhere(kind, given) {
    return Promise.all(
      this.workers.map(
        (worker) => new Promise((resolve, reject) => this.#ask(worker, { kind, given, resolve, reject })),
      ),
    );
  }

  #start() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    const held = { worker, busy: 0 };
    worker.addEventListener("message", ({ data }) => this.#answer(held, data));
    worker.addEventListener("error", (event) => this.#lost(held, event));
    return held;
  }

  #goOn() {
    for (const held of this.workers) {
      while (held.busy < AT_A_TIME && this.waiting.length) {
        // The worker with most room: tasks are spread, so that a short series is not left to one of them.
        const freest = this.workers.reduce((one, other) => (other.busy < one.busy ? other : one));
        const task = this.waiting.shift();
        if (task.signal?.aborted) task.reject(task.signal.reason);
        else this.#ask(freest, task);
      }
    }
  }

  #ask(held, task) {
    const id = this.next;
    this.next += 1;
    held.busy += 1;
    this.asked.set(id, { ...task, held });
    held.worker.postMessage({ id, kind: task.kind, given: task.given });
  }

  #answer(held, { id, answer, error }) {
    const task = this.asked.get(id);
    this.asked.delete(id);
    held.busy -= 1;
    if (error) task.reject(Object.assign(new Error(error.message), error));
    else if (task.signal?.aborted) task.reject(task.signal.reason);
    else task.resolve(answer);
    this.#goOn();
  }

  // A worker that ends (out of memory, a file that could not be loaded) takes its tasks with it. Another takes its place
  // when there is work again, and not at once: what could not be loaded now would not be loaded then.
  #lost(held, event) {
    event.preventDefault?.();
    const why = event.message ? `: ${event.message}` : "";
    held.worker.terminate();
    this.workers = this.workers.filter((each) => each !== held);
    const lost = [...this.asked].filter(([, task]) => task.held === held);
    for (const [id] of lost) this.asked.delete(id);
    const left = this.workers.length ? [] : this.waiting.splice(0);
    for (const task of [...lost.map(([, task]) => task), ...left]) {
      task.reject(new NoWorker(`A part of this page could not go on${why}. Load the page again and try once more.`));
    }
    this.#goOn();
  }

  close() {
    for (const { worker } of this.workers) worker.terminate();
    this.workers = [];
  }
}
