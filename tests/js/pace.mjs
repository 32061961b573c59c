// Tells a pace what standard input lists, [[bytes, total, milliseconds], ...], and prints its words after each.
import { Pace } from "../../static/js/transfer/pace.js";

const pace = new Pace();
const words = JSON.parse(await new Response(process.stdin).text()).map(([bytes, total, ms]) => {
  pace.add(bytes, total, ms);
  return pace.words;
});
console.log(JSON.stringify(words));
