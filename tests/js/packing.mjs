// Packs what standard input lists, {instances, half, bytes}, and prints each part with its table of contents.
import { partsOf, sizeOf, tableOf } from "../../static/js/transfer/packing.js";

const { instances, half, bytes } = JSON.parse(await new Response(process.stdin).text());
const parts = partsOf(instances, half, bytes).map((part) => ({
  sha256: part.instances.map((instance) => instance.sha256),
  size: sizeOf(part.instances),
  table: Buffer.from(tableOf(part.instances)).toString("hex"),
  url: part.url,
  offset: part.offset,
}));
console.log(JSON.stringify(parts));
