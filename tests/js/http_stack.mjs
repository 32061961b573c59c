// tus-js-client over fetch: its build for browsers knows XMLHttpRequest alone, which Node.js does not have.

export class FetchStack {
  #headers;

  constructor(headers = {}) {
    this.#headers = headers;
  }

  getName() {
    return "fetch";
  }

  createRequest(method, url) {
    return new FetchRequest(method, url, this.#headers);
  }
}

class FetchRequest {
  #headers;
  #stop = new AbortController();
  #tell = () => {};

  constructor(method, url, headers) {
    this.method = method;
    this.url = url;
    this.#headers = { ...headers };
  }

  getMethod = () => this.method;
  getURL = () => this.url;
  getHeader = (name) => this.#headers[name];
  getUnderlyingObject = () => undefined;

  setHeader(name, value) {
    this.#headers[name] = value;
  }

  setProgressHandler(tell) {
    this.#tell = tell;
  }

  async send(body = null) {
    const response = await fetch(this.url, {
      method: this.method,
      headers: this.#headers,
      body,
      redirect: "manual",
      signal: this.#stop.signal,
    });
    if (body) this.#tell(body.size);
    const text = await response.text();
    return {
      getStatus: () => response.status,
      getHeader: (name) => response.headers.get(name) ?? undefined,
      getBody: () => text,
      getUnderlyingObject: () => undefined,
    };
  }

  async abort() {
    this.#stop.abort();
  }
}
