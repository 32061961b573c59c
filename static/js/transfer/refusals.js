// What the server says to a request of the transfer: go on, rest and try again, or stop with a sentence.

/** The server, or a file of this computer, says no: trying again would not help. */
export class Refused extends Error {}

export class SignedOut extends Refused {
  constructor() {
    super("You were signed out. Sign in again in another tab, then go on here: only what is missing is sent.");
  }
}

/** The person stopped the transfer. */
export class Cancelled extends Error {
  constructor() {
    super("The transfer was stopped. What has arrived stays.");
  }
}

const NO_LONGER = "This submission takes no images any more. Load the page again to see where it stands.";
const BUSY = [409, 423];

/** Turn an error of tus-js-client into a refusal, or into the trouble after which it is tried again. */
export function judged(error) {
  const response = error.originalResponse;
  if (!response) return error.originalRequest ? new Error("The connection broke off.") : error;
  const status = response.getStatus();
  if (status === 401 || status === 302 || isLogin(response)) return new SignedOut();
  const detail = detailOf(response);
  // Of a part that another request writes, or that ended elsewhere than thought, its end is asked for and it goes on.
  if (BUSY.includes(status) && error.originalRequest?.getMethod() !== "POST") {
    return new Error("Another request of this transfer is still open.");
  }
  if (status === 413 && !detail) {
    return new Refused("A server on the way refuses requests of this size. Tell the core lab: error 413.");
  }
  if ([400, 403, 404, 409, 410, 411, 412, 413, 415].includes(status)) return new Refused(detail || NO_LONGER);
  return new Error(detail || `The server answered with error ${status}.`);
}

function isLogin(response) {
  const address = response.getUnderlyingObject?.()?.responseURL;
  return Boolean(address) && new URL(address).pathname.startsWith("/accounts/login/");
}

function detailOf(response) {
  try {
    return JSON.parse(response.getBody()).detail ?? "";
  } catch {
    // An answer that is no JSON comes from a proxy.
    return "";
  }
}
