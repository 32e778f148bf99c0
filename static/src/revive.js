/**
 * Brings to life what the gate has made inert: every element once, scripts in their order.
 *
 * Order: what is no script comes back at once. Scripts then run as a parser would run them:
 * async ones whenever they arrive; the others in document order, each waiting for the one before,
 * inline ones too; deferred ones and modules after all of those. A script that fails only fails
 * itself.
 */

import { allows, runs } from "./state.js";
import { callLate, enter, leave, ours, serve } from "./shims.js";

const MARK = "data-consent";
const MOVED = "data-consent-";
const XLINK = "http://www.w3.org/1999/xlink";
/** A script that neither loads nor fails (a data block, a host that never answers) holds the
 * others up for so long and no longer. */
const PATIENCE = 10_000;

/** @typedef {typeof import("./guard.js").holding} Holding */

/** @type {Holding} */
let holding;

/**
 * Called once, before anything else.
 *
 * @param {Holding} given
 */
export function connect(given) {
  holding = given;
  return { revive, once, ours };
}

/** @param {Element} element */
function wasHeld(element) {
  return holding.held.has(element);
}

/** @type {WeakSet<Element>} */
const taken = new WeakSet();
/** @type {WeakSet<Element>} scripts that ran, or whose copy did */
const started = new WeakSet();
/** One queue for the whole page: a second choice waits until the first is served. */
let queue = Promise.resolve();

/**
 * @param {import("./state.js").Categories} categories
 * @returns {Promise<void>} when every script that can be waited for has run
 */
function revive(categories) {
  /** @type {Element[]} */
  const scripts = [];
  // Contents of <template> are in a document of their own and are not found here. What was held
  // back and stands in no document (a picture that only counts) comes last.
  const found = [...document.querySelectorAll(`[${MARK}]`)];
  for (const element of holding.held.keys()) if (!element.isConnected) found.push(element);
  for (const element of found) {
    if (taken.has(element) || !allows(categories, element.getAttribute(MARK))) continue;
    // One that was held back here may be held back again, with another address.
    if (!wasHeld(element)) taken.add(element);
    if (element.localName === "script" && element.isConnected) scripts.push(element);
    else if (element.localName === "style") element.replaceWith(copy(element));
    else restore(element);
  }
  if (scripts.length) queue = queue.then(() => runAll(scripts));
  return queue;
}

/**
 * Brings one element to life without a decision, for this once.
 *
 * @param {Element} element no script
 */
function once(element) {
  taken.add(element);
  holding.pass(() => restore(element));
}

/** @param {Element[]} scripts */
async function runAll(scripts) {
  enter();
  const deferred = scripts.filter(isDeferred);
  /** @type {Promise<void>[]} */
  const unordered = [];
  for (const script of scripts) {
    if (deferred.includes(script)) continue;
    const done = run(script);
    if (isAsync(script)) unordered.push(done);
    else await done;
  }
  // Not waited for one by one: the browser keeps scripts that are not async in their order.
  await Promise.all(deferred.map(run));
  callLate();
  await Promise.all(unordered);
  callLate();
  leave();
}

/**
 * Puts a live copy in the place of an inert script.
 *
 * @param {Element} inert
 * @returns {Promise<void>} never rejected: when it has run or failed, or when that cannot be known
 */
async function run(inert) {
  // The site took it away meanwhile, or an earlier choice has brought it to life.
  if (!inert.isConnected || started.has(inert)) return;
  try {
    const own = wasHeld(inert);
    started.add(inert);
    const script = /** @type {HTMLScriptElement} */ (own ? inert : copy(inert));
    // The same element comes alive when it gets its address back; a copy does in its place.
    const start = () => (own ? restore(inert) : inert.replaceWith(script));
    const type = own ? inert.getAttribute(MOVED + "type") : script.getAttribute("type");
    const finished = serve(script);
    const reports =
      (own || script.hasAttribute("src")) && runs(type) && !script.noModule;
    if (reports) {
      await new Promise((resolve) => {
        script.addEventListener("load", resolve);
        script.addEventListener("error", resolve);
        setTimeout(resolve, PATIENCE);
        start();
      });
    } else {
      start();
      // An inline module runs a little later, and tells nobody.
      if (script.type === "module") await new Promise((resolve) => setTimeout(resolve));
    }
    const markup = finished();
    if (markup) await insert(script, markup);
  } catch (error) {
    reportError(error);
  }
}

/**
 * What a script has written goes right behind it, and scripts in it run in their turn.
 *
 * @param {Element} script
 * @param {string} markup
 */
async function insert(script, markup) {
  if (!script.isConnected) return;
  const range = document.createRange();
  range.selectNode(script);
  const fragment = range.createContextualFragment(holding.trusted("HTML", markup));
  const scripts = [...fragment.querySelectorAll("script")].filter((each) =>
    runs(each.getAttribute("type")),
  );
  for (const each of scripts) {
    each.setAttribute(MOVED + "type", each.getAttribute("type") ?? "");
    each.type = "text/plain";
  }
  script.after(fragment);
  for (const each of scripts) {
    const done = run(each);
    if (!isAsync(each)) await done;
  }
}

/**
 * A live copy of an inert script or style: a script element that has been through the parser as a
 * data block never runs (HTML, "already started"), so it takes a new one.
 *
 * @param {Element} inert
 * @returns {Element}
 */
function copy(inert) {
  const live = document.createElementNS(inert.namespaceURI, inert.localName);
  // A script made by script is async unless told otherwise.
  if ("async" in live) live.async = false;
  for (const attribute of inert.attributes) {
    const { name } = attribute;
    if (name === MARK || name === "type" || name === "nonce") continue;
    if (name.startsWith(MOVED)) set(live, name.slice(MOVED.length), attribute.value);
    else live.setAttributeNode(/** @type {Attr} */ (attribute.cloneNode()));
  }
  // Browsers empty the attribute and keep the property (HTML, "nonce hiding").
  const nonce = /** @type {HTMLElement} */ (inert).nonce;
  if (nonce) /** @type {HTMLElement} */ (live).nonce = nonce;
  const text = inert.textContent ?? "";
  live.textContent = live.localName === "script" ? holding.trusted("Script", text) : text;
  return live;
}

/**
 * Gives an element its attributes back, in its place.
 *
 * @param {Element} element
 */
function restore(element) {
  element.removeAttribute(MARK);
  if (element.localName === "script") element.removeAttribute("type");
  // srcset before src and srcdoc before src, or the browser fetches what it then throws away; and
  // the type before all of them.
  const names = element.getAttributeNames().sort().reverse();
  for (const name of names) {
    if (!name.startsWith(MOVED)) continue;
    const own = name.slice(MOVED.length);
    const value = element.getAttribute(name) ?? "";
    element.removeAttribute(name);
    set(element, own, holding.held.get(element)?.[own] ?? value);
  }
  // A player that found no source has given up; it looks again only when told.
  holding.held.delete(element);
  const player = element.closest("audio, video");
  if (player instanceof HTMLMediaElement && player.paused) player.load();
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {unknown} given text, or a trusted value
 */
function set(element, name, given) {
  let value = /** @type {string} */ (given);
  if (element.localName === "script" && name === "src" && typeof given === "string") {
    value = holding.trusted("ScriptURL", given);
  }
  if (name === "xlink:href") element.setAttributeNS(XLINK, name, value);
  else element.setAttribute(name, value);
}

/**
 * @param {Element} script still inert
 * @param {string} name
 */
function has(script, name) {
  return script.hasAttribute(name) || script.hasAttribute(MOVED + name);
}

/** @param {Element} script */
function isModule(script) {
  return script.getAttribute(MOVED + "type")?.trim().toLowerCase() === "module";
}

/** @param {Element} script */
function isAsync(script) {
  if (wasHeld(script)) return /** @type {HTMLScriptElement} */ (script).async;
  return has(script, "async") && (has(script, "src") || isModule(script));
}

/** @param {Element} script */
function isDeferred(script) {
  return !isAsync(script) && (isModule(script) || (has(script, "defer") && has(script, "src")));
}
