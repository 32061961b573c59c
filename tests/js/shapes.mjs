// Answers a line of standard input each: [name of a function of static/js/shapes.js, ...its arguments].
import { createInterface } from "node:readline";
import * as shapes from "../../static/js/shapes.js";

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...given] = JSON.parse(line);
  console.log(JSON.stringify(shapes[name](...given)));
}
