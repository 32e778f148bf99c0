import assert from "node:assert/strict";
import { test } from "node:test";

import { addresses, names } from "../src/matcher.js";

/** @typedef {import("../src/matcher.js").Group} Group */

/**
 * @param {string} needed
 * @param {Partial<{ own: number, hosts: string, shapes: string, cookies: string }>} [rest]
 * @returns {Group}
 */
const group = (needed, { own = 0, hosts = "", shapes = "", cookies = "" } = {}) =>
  [needed, own, hosts, shapes, cookies, "", ""];

test("hosts match by whole labels", () => {
  const find = addresses([group("a", { hosts: "t.co *.meter.example" })]);
  assert.equal(find("t.co", "/"), "a");
  assert.equal(find("x.y.meter.example", "/"), "a");
  for (const host of ["checkout.com", "x.t.co", "notmeter.example", "meter.example.org", ""]) {
    assert.equal(find(host, "/"), undefined, host);
  }
});

test("a path goes before a host, a longer host before a shorter one", () => {
  const find = addresses([
    group("wide", { hosts: "*.g.example" }),
    group("narrow", { hosts: "www.g.example^/maps\\?" }),
    group("", { hosts: "*.free.g.example" }),
  ]);
  assert.equal(find("www.g.example", "/MAPS?x"), "narrow");
  assert.equal(find("www.g.example", "/x/maps?"), "wide");
  assert.equal(find("a.free.g.example", "/"), "", "known, and always on");
});

test("public suffixes of one or two labels", () => {
  const find = addresses([group("a", { hosts: "www.g.* *.h.*" })]);
  for (const host of ["www.g.de", "www.g.co.uk", "x.h.com", "h.xn--p1ai"]) assert.equal(find(host, "/"), "a", host);
  for (const host of ["www.g.evil.example", "g.de", "www.g"]) assert.equal(find(host, "/"), undefined, host);
});

test("several services are all needed, and the site's own go before the catalogue's", () => {
  const two = addresses([group("a", { hosts: "x.example" }), group("b", { hosts: "x.example" })]);
  assert.equal(two("x.example", "/"), "a b");
  const own = addresses([group("a", { hosts: "x.example" }), group("", { own: 1, hosts: "x.example" })]);
  assert.equal(own("x.example", "/"), "");
});

test("shapes are searched for in host and path", () => {
  const find = addresses([group("a", { shapes: "^secure\\.[^/]+/js/\\d+\\.js" })]);
  assert.equal(find("secure.x.example", "/js/12.js"), "a");
  assert.equal(find("www.x.example", "/js/12.js"), undefined);
});

test("names have wildcards and nothing else that is special", () => {
  const needs = names([group("a", { cookies: "_ga _ga_* x.y (z" }), group("b", { cookies: "_ga" })], 4);
  assert.equal(needs("_ga"), "a b");
  assert.equal(needs("_ga_ABC"), "a");
  assert.equal(needs("x.y"), "a");
  assert.equal(needs("(z"), "a");
  for (const name of ["_gat", "xzy", "x_ga", ""]) assert.equal(needs(name), "", name);
});
