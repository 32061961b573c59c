// Sends what the core lab still waits for, de-identified here one image after the other.

import { sha256 } from "../vendor.js";
import { Unknown } from "./check.js";

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function hashOf(bytes) {
  if (!crypto.subtle) return hex(sha256(bytes));
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

// The bytes that were announced; two files may hold objects of one UID, and only one of them was checked.
async function announcedBytes(held, { sop_instance_uid: uid, sha256: wanted }) {
  for (const index of held.places.get(uid)) {
    const bytes = await held.objectOf(index);
    if ((await hashOf(bytes)) === wanted) return bytes;
  }
  throw new Unknown(
    "An image is not the one that was checked",
    "A file of the scan changed after the check. Stop sending, choose the folder again and let it be checked anew.",
  );
}

// on: {begin(here, wanted, announced), progress(bytes, total), rest(error, ms), whole()}; returns
// {done, pause, resume, stop}.
// `done` resolves with how many images of the transfer are not among these files, and where the submission stands then.
export function sendMissing({ server, held, on }) {
  let running = null;
  const transfer = {
    stopped: false,
    pause: () => running?.pause(),
    resume: () => running?.resume(),
    stop() {
      transfer.stopped = true;
      running?.cancel();
    },
  };

  async function go() {
    const sender = await import("../transfer/sender.js");
    const { state, instances, announced, here, parts } = await server.get(server.to.missing);
    const wanted = instances.filter((each) => held.places.has(each.sop_instance_uid));
    if (instances.length && !wanted.length) {
      throw new Unknown(
        "This is not the folder that was checked",
        `None of the ${instances.length} images that are still to come is in it. Choose the folder that you chose for the check.`,
      );
    }
    const absent = instances.length - wanted.length;
    if (transfer.stopped || state !== "sending") return { state, absent };
    on.begin(here, wanted.length, announced);
    const byHash = new Map(instances.map((each) => [each.sha256, each]));
    const options = {
      objectOf: (hash) => announcedBytes(held, byHash.get(hash)),
      partsUrl: server.to.parts,
      csrf: server.csrf,
      on: { progress: on.progress, rest: on.rest, whole: on.whole },
    };
    if (absent) {
      // Some of it lies elsewhere: what is here goes, and the page says what is still to come.
      const mine = new Set(wanted.map((each) => each.sha256));
      const begun = parts.filter((part) => part.sha256.every((hash) => mine.has(hash)));
      running = sender.send({ ...options, instances: wanted, parts: begun });
      await running.done;
      return { state, absent };
    }
    running = sender.transfer({ ...options, missingUrl: server.to.missing });
    return { state: (await running.done).state, absent };
  }

  transfer.done = go();
  return transfer;
}
