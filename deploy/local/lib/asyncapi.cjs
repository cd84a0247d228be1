// Validates an AsyncAPI document with the initiative's own parser: node asyncapi.cjs NODE_DIR FILE
// NODE_DIR is what `deploy/local/tools asyncapi` prints. Exit code 1 and one line per error when it is not valid.
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const [directory, file] = process.argv.slice(2);
const { Parser } = createRequire(join(resolve(directory), "package.json"))("@asyncapi/parser");

const ERROR = 0;

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"), { source: resolve(file) });
  const errors = diagnostics.filter((found) => found.severity === ERROR);
  for (const found of errors) {
    console.error(`${file}:${found.range.start.line + 1}: ${found.message} (${found.path.join(".")})`);
  }
  if (!document || errors.length > 0) process.exit(1);
  console.log(`${file}: valid AsyncAPI ${document.version()}`);
}

main();
