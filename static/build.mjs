/**
 * Builds what the package serves: the client, what it fetches with a choice, the script of consent
 * signals, one style sheet and a second one for what only the preferences and the policy need; and the
 * types of the client's interface.
 *
 *     node build.mjs            writes src/consentkit/static/
 *     node build.mjs --check    fails when what is committed there is not what would be written
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../src/consentkit/static/", import.meta.url));

const scripts = ["consentkit.js", "signals.js", "consentkit.css", "pages.css", "audit.css"].map(
  (name) => `src/${name}`,
);

/** @type {import("esbuild").BuildOptions} */
const common = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  minify: true,
  charset: "ascii",
  // Nesting is written out, and nothing here is newer than these.
  target: ["es2020", "chrome99", "firefox97", "safari15.4"],
  write: false,
};
const results = await Promise.all([
  build({ ...common, entryPoints: scripts, format: "iife" }),
  build({ ...common, entryPoints: { "consentkit.later": "src/later.js" }, format: "esm" }),
]);

const types = await readFile(new URL("src/consentkit.d.ts", import.meta.url));
const files = results.flatMap((result) => result.outputFiles);
files.push(/** @type {any} */ ({ path: `${out}consentkit.d.ts`, contents: types }));

let stale = false;
for (const { path, contents } of files) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const size = `${contents.length} bytes, ${gzipSync(contents, { level: 9 }).length} gzip`;
  if (process.argv.includes("--check")) {
    const committed = await readFile(path).catch(() => Buffer.alloc(0));
    const same = committed.equals(contents);
    stale ||= !same;
    console.log(`${name}: ${same ? "as built" : "DIFFERS from a fresh build"}, ${size}`);
  } else {
    await writeFile(path, contents);
    console.log(`${name}: ${size}`);
  }
}
if (stale) {
  console.error("Run `npm run build` in static/ and commit the result.");
  process.exitCode = 1;
}
