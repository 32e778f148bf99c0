/**
 * Brings to life what the gate has made inert: every element once, scripts in their order.
 *
 * Order: what is no script comes back at once. Scripts then run as a parser would run them:
 * async ones whenever they arrive; the others in document order, each waiting for the one before,
 * inline ones too; deferred ones and modules after all of those. A script that fails only fails
 * itself.
 */

import { allows, runs } from "./state.js";
import { callLate, enter, leave, serve } from "./shims.js";

const MARK = "data-consent";
const MOVED = "data-consent-";
const XLINK = "http://www.w3.org/1999/xlink";
/** A script that neither loads nor fails (a data block, a host that never answers) holds the
 * others up for so long and no longer. */
const PATIENCE = 10_000;

/** @type {WeakSet<Element>} */
const taken = new WeakSet();
/** One queue for the whole page: a second choice waits until the first is served. */
let queue = Promise.resolve();

/**
 * @param {import("./state.js").Categories} categories
 * @returns {Promise<void>} when every script that can be waited for has run
 */
export function revive(categories) {
  /** @type {Element[]} */
  const scripts = [];
  // Contents of <template> are in a document of their own and are not found here.
  for (const element of document.querySelectorAll(`[${MARK}]`)) {
    if (taken.has(element) || !allows(categories, element.getAttribute(MARK))) continue;
    taken.add(element);
    if (element.localName === "script") scripts.push(element);
    else if (element.localName === "style") element.replaceWith(copy(element));
    else restore(element);
  }
  if (scripts.length) queue = queue.then(() => runAll(scripts));
  return queue;
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
  if (!inert.isConnected) return; // the site took it away meanwhile
  try {
    const script = /** @type {HTMLScriptElement} */ (copy(inert));
    const finished = serve(script);
    const reports =
      script.hasAttribute("src") && runs(script.getAttribute("type")) && !script.noModule;
    if (reports) {
      await new Promise((resolve) => {
        script.addEventListener("load", resolve);
        script.addEventListener("error", resolve);
        setTimeout(resolve, PATIENCE);
        inert.replaceWith(script);
      });
    } else {
      inert.replaceWith(script);
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
  const fragment = range.createContextualFragment(markup);
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
  live.textContent = inert.textContent;
  return live;
}

/**
 * Gives an element its attributes back, in its place.
 *
 * @param {Element} element
 */
function restore(element) {
  // srcset before src and srcdoc before src, or the browser fetches what it then throws away.
  const names = element.getAttributeNames().sort().reverse();
  for (const name of names) {
    if (!name.startsWith(MOVED)) continue;
    const value = element.getAttribute(name) ?? "";
    element.removeAttribute(name);
    set(element, name.slice(MOVED.length), value);
  }
  element.removeAttribute(MARK);
  // A player that found no source has given up; it looks again only when told.
  const player = element.closest("audio, video");
  if (player instanceof HTMLMediaElement && player.paused) player.load();
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function set(element, name, value) {
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
  return has(script, "async") && (has(script, "src") || isModule(script));
}

/** @param {Element} script */
function isDeferred(script) {
  return !isAsync(script) && (isModule(script) || (has(script, "defer") && has(script, "src")));
}
