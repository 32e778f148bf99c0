import assert from "node:assert/strict";
import { test } from "node:test";

import { allows, outcomes, readCookies, runs, words } from "../src/state.js";

const read = (/** @type {string} */ cookies, prefix = "consent_") => ({
  ...readCookies(cookies, prefix).categories,
});

test("cookies of ours are read, others are not", () => {
  assert.deepEqual(
    read("a=1; consent_analytics=granted.x.y; consent_marketing=denied.z; _ga=granted.1"),
    { analytics: "granted", marketing: "denied" },
  );
});

test("what does not begin with an outcome and a dot is no choice", () => {
  assert.deepEqual(read("consent_a=granted; consent_b=yes.x; consent_c=; consent_d; consent_=granted.x"), {});
});

test("of two cookies of one name denied wins, in either order", () => {
  assert.deepEqual(read("consent_a=granted.1; consent_a=denied.2"), { a: "denied" });
  assert.deepEqual(read("consent_a=denied.2; consent_a=granted.1"), { a: "denied" });
});

test("the prefix is a literal one", () => {
  assert.deepEqual(read("c.x_a=granted.1; cyx_a=granted.1", "c.x_"), { a: "granted" });
});

test("a quoted value counts, and names of Object's own do no harm", () => {
  assert.deepEqual(read('consent_a="granted.1"; consent___proto__=granted.1').a, "granted");
  assert.equal(allows(readCookies("", "consent_").categories, "toString"), false);
});

test("a changed value shows, even when the outcome is the same", () => {
  const before = readCookies("consent_a=granted.1", "consent_").raw;
  const after = readCookies("consent_a=granted.2", "consent_").raw;
  assert.notEqual(before.a, after.a);
});

test("an element needs all of its categories", () => {
  /** @type {import("../src/state.js").Categories} */
  const categories = { a: "granted", b: "denied" };
  assert.equal(allows(categories, "a"), true);
  assert.equal(allows(categories, " a\n a "), true);
  assert.equal(allows(categories, "a b"), false);
  assert.equal(allows(categories, "unclassified"), false);
});

test("words are split at any white space", () => {
  assert.deepEqual(words(" a\tb\n c "), ["a", "b", "c"]);
  assert.deepEqual(words(null), []);
});

test("answers are taken only in the shape that was agreed on", () => {
  assert.deepEqual({ ...outcomes({ categories: { a: "granted", b: "maybe", c: 1 } }) }, { a: "granted" });
  for (const wrong of [null, 1, "x", [], {}, { categories: null }, { categories: "granted" }]) {
    assert.equal(outcomes(wrong), null);
  }
});

test("only scripts that a browser runs can be waited for", () => {
  for (const type of [null, "", " ", "module", "MODULE", "text/javascript", "application/x-javascript", "text/javascript1.5"]) {
    assert.equal(runs(type), true, String(type));
  }
  for (const type of ["text/plain", "application/json", "importmap", "text/template", "text/javascript;charset=utf-8"]) {
    assert.equal(runs(type), false, type);
  }
});
