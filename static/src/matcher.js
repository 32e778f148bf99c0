/**
 * Whose address or cookie this is: the rules of policy/matcher.py, told by the same words. Pure.
 *
 * @typedef {[needed: string, own: number, hosts: string, shapes: string, cookies: string,
 *   local: string, session: string]} Group services that need the same categories
 * @typedef {[name: string, kind: "function" | "array" | "object", needs: string[]]} Call
 * @typedef {object} Rules what the server puts in front of this script (policy/rules.py)
 * @property {number} guard
 * @property {string} later the file with what is needed later, beside this script
 * @property {number} strict
 * @property {string} allow
 * @property {Group[]} groups
 * @property {Call[]} calls
 *
 * @typedef {object} Rule
 * @property {Group} group
 * @property {boolean} below whether sub-domains count too
 * @property {RegExp | null} path
 */

import { words } from "./state.js";

const SUFFIX =
  /\.((ac|co|com|edu|go|gob|gov|ne|net|nom|or|org)\.[a-z]{2}|[a-z]{2,63}|xn--[a-z0-9-]+)$/;

/**
 * @param {Group[]} groups
 * @returns {string} every category that one of them needs
 */
function needs(groups) {
  const own = groups.filter((group) => group[1]);
  return (own.length ? own : groups).map((group) => group[0]).join(" ").trim();
}

/**
 * @param {string} names with `*` for anything
 * @returns {(name: string) => boolean}
 */
function among(names) {
  const [plain, wild] = [0, 1].map((is) => words(names).filter((name) => +name.includes("*") === is));
  const exact = new Set(plain);
  const pattern = wild.map((name) => name.replace(/[^\w*]/g, "\\$&").replace(/\*/g, ".*")).join("|");
  const loose = pattern ? new RegExp(`^(${pattern})$`, "s") : null;
  return (name) => exact.has(name) || !!loose?.test(name);
}

/**
 * @param {Group[]} groups
 * @returns {(host: string, target: string) => string | undefined} the categories that an address
 *   needs, with white space between them; undefined when nobody knows it
 */
export function addresses(groups) {
  /** @type {Map<string, Rule[]>} */
  const table = new Map();
  /** @type {[Group, RegExp][]} */
  const shapes = [];
  for (const group of groups) {
    for (const shape of words(group[3])) shapes.push([group, new RegExp(shape, "i")]);
    for (const rule of words(group[2])) {
      const [host, ...path] = rule.split("^");
      const name = host.replace(/^\*\./, "");
      table.set(name, [
        ...(table.get(name) ?? []),
        {
          group,
          below: name !== host,
          path: path.length ? new RegExp(`^(?:${path.join("^")})`, "i") : null,
        },
      ]);
    }
  }

  return (host, target) => {
    /** @type {Group[]} */
    const special = shapes.filter(([, shape]) => shape.test(host + target)).map(([group]) => group);
    /** @type {Group[]} */
    let plain = [];
    let longest = 0;
    const suffix = SUFFIX.exec(host)?.[0];
    const ways = [[host, ""]];
    if (suffix) ways.push([host.slice(0, -suffix.length), ".*"]);
    for (const [name, end] of ways) {
      for (let at = 0; ; ) {
        const rules = (table.get(name.slice(at) + end) ?? []).filter((rule) => rule.below || !at);
        for (const rule of rules) if (rule.path?.test(target)) special.push(rule.group);
        const bare = rules.filter((rule) => !rule.path).map((rule) => rule.group);
        const length = host.length - at;
        if (bare.length && length > longest) [plain, longest] = [bare, length];
        at = name.indexOf(".", at) + 1;
        if (!at) break;
      }
    }
    const found = special.length ? special : plain;
    return found.length ? needs(found) : undefined;
  };
}

/**
 * @param {Group[]} groups
 * @param {4 | 5 | 6} column cookies, local or session storage
 * @returns {(name: string) => string} the categories that it needs
 */
export function names(groups, column) {
  const tests = groups.map((group) => /** @type {const} */ ([group, among(group[column])]));
  return (name) => needs(tests.filter(([, test]) => test(name)).map(([group]) => group));
}
