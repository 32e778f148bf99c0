/**
 * Tells vendors what is granted: once before any tag, and again on each choice. A script of its own,
 * for it has to be the first of the page; inline where the page lets inline scripts run.
 *
 * Loaded as <script data-consentkit="signals" data-signals="[…]" …>, with
 *   data-signals="[…]"    what to say to whom, as JSON; see Said below,
 *   data-granted="…"      category ids that are granted; without it the cookies are read,
 *   data-undecided        when the visitor has still to choose,
 *   data-prints="…"       for reading cookies: category=fingerprint of each category,
 *   data-cookie-prefix    for reading cookies.
 */

import { fresh, readCookies, words } from "./state.js";

/**
 * @typedef {string | boolean} Word
 *
 * @typedef {object} Said one signal of the catalogue (catalogue/signals.toml), shortened
 * @property {string} q the global that takes the calls
 * @property {"arguments" | "push" | "items" | "call" | "existing" | "method"} h how it takes them
 * @property {Word[]} [d] the words of the default
 * @property {Word[]} [u] the words of an update
 * @property {Record<string, string | boolean>} [t] the category of each consent type, or what it always is
 * @property {1} [b] the types are true and false
 * @property {string} [c] the category, when there are no types
 * @property {Word[]} [g] the words of a grant of the category
 * @property {Word[]} [n] the words of a denial of the category
 * @property {Word[][]} [o] what is said behind the default
 * @property {{ region: string[], granted: string[] }[]} [r] defaults by region
 * @property {number} [w] milliseconds that tags wait for an update
 */

const me = /** @type {HTMLScriptElement} */ (document.currentScript);
const { signals, granted, prints, cookiePrefix } = me.dataset;
/** @type {any} */
const page = window;
/** @type {Said[]} */
const all = JSON.parse(signals ?? "[]");
const add = Array.prototype.push;

/**
 * @param {Said} signal
 * @param {unknown[]} said
 */
function say({ q, h }, said) {
  if (h === "call") {
    page[q] ??= function () {
      (page[q].q ??= []).push(arguments);
    };
  } else if (h !== "existing" && h !== "method") page[q] ??= [];
  const queue = page[q];
  if (h === "method") {
    const [name, ...rest] = said;
    queue?.[/** @type {string} */ (name)]?.(...rest);
  } else if (h === "call" || h === "existing") {
    if (typeof queue === "function") queue(...said);
  } else {
    // A loaded vendor has put its own push there, which has to hear of it. Ours, which keeps what
    // the page says to vendors that are held back, has not.
    const push = queue.push && !queue.push.consentkit ? queue.push : add;
    if (h === "push") push.apply(queue, said);
    else if (h === "items") push.call(queue, said);
    else {
      // Vendors take nothing but an Arguments object for a command.
      (function () {
        push.call(queue, arguments);
      }).apply(null, /** @type {any} */ (said));
    }
  }
}

/**
 * The consent types of a signal with their values.
 *
 * @param {Said} signal
 * @param {(type: string, category: string | boolean) => boolean} allowed
 */
function typed({ t = {}, b }, allowed) {
  /** @type {Record<string, unknown>} */
  const values = {};
  for (const type of Object.keys(t)) {
    const yes = allowed(type, t[type]);
    values[type] = b ? yes : yes ? "granted" : "denied";
  }
  return values;
}

/** @param {string[]} list */
function by(list) {
  return (/** @type {string} */ _type, /** @type {string | boolean} */ category) =>
    category === true || list.includes(String(category));
}

/**
 * @param {string[]} list the categories that are granted
 * @param {boolean} undecided
 */
function begin(list, undecided) {
  for (const signal of all) {
    const { t, d, c, r = [], o = [], w } = signal;
    if (t && d) {
      const wait = undecided && w ? { wait_for_update: w } : {};
      for (const { region, granted: some } of undecided ? r : []) {
        const values = typed(signal, (type, category) => category === true || some.includes(type));
        say(signal, [...d, { ...values, region, ...wait }]);
      }
      say(signal, [...d, { ...typed(signal, by(list)), ...wait }]);
      for (const option of o) say(signal, option);
    } else if (d?.length && !list.includes(c ?? "")) say(signal, d);
  }
}

let last = "";

/** @param {string[]} list the categories that are granted */
function update(list) {
  const told = list.sort().join(" ");
  if (told === last) return; // in another tab, or by a script that likes to be sure
  last = told;
  for (const signal of all) {
    const { t, u = [], c = "", g = [], n = [] } = signal;
    const said = t ? [...u, typed(signal, by(list))] : list.includes(c) ? g : n;
    if (said.length) say(signal, said);
  }
}

if (granted === undefined) {
  const known = fresh(readCookies(document.cookie, cookiePrefix ?? ""), prints);
  const list = Object.keys(known).filter((category) => known[category] === "granted");
  begin(list, Object.keys(known).length < words(prints).length);
} else begin(words(granted), me.dataset.undecided !== undefined);

// Right before what is granted comes alive.
document.addEventListener("consentkit:before", (event) => {
  const { categories } = /** @type {CustomEvent} */ (event).detail;
  update(Object.keys(categories).filter((category) => categories[category] === "granted"));
});
