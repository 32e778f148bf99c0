/**
 * The client's wiring: forms, buttons, other tabs, and the small interface for the site's code.
 */

import { record } from "./calls.js";
import { objects } from "./gpc.js";
import { guard, holding } from "./guard.js";
import { jar, sweep } from "./leftovers.js";
import { judges } from "./rules.js";
import { allows, fresh, readCookies, words } from "./state.js";
import { watch } from "./swaps.js";
import { send, submit } from "./send.js";

/** @typedef {import("./state.js").Categories} Categories */
/** @typedef {ReturnType<typeof import("./later.js").connect>} Later */

/**
 * Stands guard, listens and publishes window.consentkit. Called once a page, before its scripts.
 *
 * @param {import("./matcher.js").Rules} rules
 */
export function start(rules) {
  const me = /** @type {HTMLScriptElement | null} */ (
    document.currentScript ?? document.querySelector("script[data-consentkit=client]")
  );
  const root = document.documentElement;
  const home = me?.dataset.action ?? "/consent/";
  const prefix = me?.dataset.cookiePrefix ?? "consent_";

  const prints = me?.dataset.prints;
  const shared = prints !== undefined;

  let cookies = readCookies(jar(), prefix);
  /** @type {Categories} */
  let current = given() ?? (shared ? fresh(cookies, prints) : cookies.categories);
  let busy = false;
  /** @type {Later | undefined} */
  let later;

  const judge = judges(rules, () => current, me?.dataset.site ?? "");
  if (rules.guard) guard(judge.url, judge.cookie);
  const { replay, forget } = record(rules.calls, () => current, () => !!later?.ours());
  sweep(judge);

  /** What the server says; it knows which cookies are still good, and the browser does not. */
  function given() {
    if (!me || me.dataset.granted === undefined) return null;
    /** @type {Record<string, import("./state.js").Outcome>} */
    const categories = Object.create(null);
    for (const category of words(me.dataset.granted)) categories[category] = "granted";
    for (const category of words(me.dataset.denied)) categories[category] = "denied";
    return categories;
  }

  /** @returns {HTMLElement | null} */
  function banner() {
    return document.querySelector("[data-consentkit=banner]");
  }

  /** There before its words are (WCAG 4.1.3); outside of body, where it shifts nothing. */
  const live = document.createElement("div");
  live.className = "consentkit-ui consentkit-live";
  live.setAttribute("role", "status");

  /**
   * A choice was saved, here or in another tab: the page follows it.
   *
   * @param {Categories} categories
   * @param {string} [message]
   * @param {boolean} [open] something is still to be decided
   */
  function follow(categories, message, open) {
    current = categories;
    cookies = readCookies(jar(), prefix);
    sweep(judge);
    forget();
    emit("consentkit:before");
    later?.close(); // before anything is said: what lies behind a dialog is not read out
    const box = banner();
    live.textContent = message || box?.dataset.consentkitSaved || "";
    if (!open) {
      root.setAttribute("data-consentkit-state", "set");
      if (box) box.hidden = true;
    }
    // A new page has it alive; once, for this comes after a choice.
    awaken(() => location.reload());
    emit("consentkit:change");
  }

  /** The page is the same for everybody: what this visitor decided is known only here. */
  function restore() {
    const open = words(prints).some((pair) => !current[pair.split("=")[0]]);
    root.setAttribute("data-consentkit-state", open ? "unset" : "set");
    const box = banner();
    if (box) box.hidden = !open;
    awaken();
  }

  /** What brings things to life, and the dialog: fetched when there is a use for them. */
  async function fetched() {
    const { connect } = await import(new URL(rules.later, me?.src).href);
    return (later ??= /** @type {Later} */ (connect(holding)));
  }

  /** Shows the choices, over the page. */
  function show() {
    fetched().then(
      ({ open }) => open(home),
      () => location.assign(home),
    );
  }

  /**
   * Brings to life what is granted.
   *
   * @param {() => void} [failed] what to do without the file that it takes
   */
  function awaken(failed) {
    const asleep = [...document.querySelectorAll("[data-consent]"), ...holding.held.keys()];
    if (!asleep.some((each) => allows(current, each.getAttribute("data-consent")))) return replay();
    fetched()
      .then(({ revive }) => revive(current))
      .then(replay, failed);
  }

  /** @param {string} name */
  function emit(name) {
    document.dispatchEvent(new CustomEvent(name, { detail: { categories: { ...current } } }));
  }

  /**
   * @param {import("./send.js").Choice} choice
   * @param {string} [url]
   * @returns {Promise<void>} when it is saved
   */
  async function choose(choice, url = home) {
    if (busy) return;
    busy = true;
    // One token serves the page: it marks the visit, not the form.
    const field = document.querySelector("[data-consentkit-form] input[name=token]");
    if (field instanceof HTMLInputElement) choice.token = field.value;
    /** @type {import("./send.js").Answer} */
    let answer;
    if (choice.action !== "reject" && choice.action !== "gpc") fetched().catch(() => {});
    try {
      answer = await send(url, choice);
    } catch {
      if (choice.action === "gpc") {
        busy = false; // nobody pressed anything, so nobody is led away; the next page tries again
        return;
      }
      submit(url, choice); // and stay busy: the page is on its way out
      return;
    }
    busy = false;
    const more = Object.keys(answer.categories).some(
      (category) => answer.categories[category] === "granted" && current[category] !== "granted",
    );
    // Under a policy without what was not granted, it cannot come alive on this page.
    if (answer.reload || (more && me?.dataset.reload !== undefined)) {
      current = answer.categories; // what still runs sets no more cookies
      sweep(judge);
      location.reload();
    } else follow(answer.categories, answer.message, answer.open);
  }

  /** In the capture phase on window: scripts that take over every form of a site come later. */
  window.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-consentkit-form")) return;
      const button = event.submitter;
      const action = button instanceof HTMLButtonElement ? button.value : "";
      if (action !== "accept" && action !== "reject" && action !== "save") return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const fields = new FormData(form);
      const services = fields.getAll("service").map((service) => `service:${service}`);
      const categories = [...fields.getAll("category").map(String), ...services];
      const source = form.dataset.consentkitForm === "preferences" ? "preferences" : "banner";
      // Not form.action: that is the buttons called "action".
      const url = form.getAttribute("action") ?? home;
      void choose({ action, source, ...(action === "save" && { categories }) }, url);
    },
    true,
  );

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const load = event.target.closest("[data-consentkit-once]");
    if (load) {
      void fetched().then(({ once }) => once(load));
      live.textContent = load.getAttribute("data-consentkit-once");
    }
    const wanted = event.target.closest("[data-consentkit-grant]")?.getAttribute("data-consentkit-grant");
    if (wanted) void choose({ action: "save", categories: [...granted(), ...words(wanted)], source: "embed" });
  });

  /** @returns {string[]} */
  function granted() {
    return Object.keys(current).filter((category) => current[category] === "granted");
  }

  /**
   * A choice in another tab, or while this page lay in the back/forward cache.
   *
   * @param {boolean} returned out of that cache
   */
  function catchUp(returned) {
    if (busy || document.visibilityState === "hidden") return;
    const now = readCookies(jar(), prefix);
    // Only cookies that are new since the page was made: an old one may be void by now.
    if (!Object.keys(now.raw).some((category) => now.raw[category] !== cookies.raw[category])) return;
    const takenBack = granted().some((category) => now.categories[category] !== "granted");
    // What runs cannot be stopped. A page without it can be had, but not at the price of what the
    // visitor may have typed into this one.
    if (takenBack && returned) location.reload();
    else follow(now.categories);
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) catchUp(true);
  });
  document.addEventListener("visibilitychange", () => catchUp(false));

  /** The banner's height, for the room that the page leaves it. */
  function measure() {
    const box = banner();
    if (!box || typeof ResizeObserver === "undefined") return;
    new ResizeObserver(() => {
      root.style.setProperty("--consentkit-height", `${Math.ceil(box.getBoundingClientRect().height)}px`);
    }).observe(box);
  }

  /** @type {Consentkit.Api} */
  const api = Object.freeze({
    granted: (/** @type {string} */ category) => current[category] === "granted",
    /** Every category that was decided on: "granted" or "denied". */
    categories: () => ({ ...current }),
    accept: () => choose({ action: "accept", source: "api" }),
    reject: () => choose({ action: "reject", source: "api" }),
    save: (/** @type {string[]} */ categories) => choose({ action: "save", categories, source: "api" }),
    open: show,
    on(/** @type {string} */ event, /** @type {(categories: Categories) => void} */ listener) {
      const name = `consentkit:${event}`;
      const heard = (/** @type {Event} */ each) =>
        listener(/** @type {CustomEvent} */ (each).detail.categories);
      document.addEventListener(name, heard);
      return () => document.removeEventListener(name, heard);
    },
  });

  /** Once the page is there. */
  function settle() {
    root.append(live);
    if (shared) restore();
    measure();
    watch({
      found: () => awaken(),
      open: () => root.getAttribute("data-consentkit-state") !== "set",
      styles: document.querySelector("[data-consentkit=styles]"),
      banner: banner(),
    });
    emit("consentkit:ready");
    if (!("gpc" in cookies.raw) && objects(me?.dataset.gpc)) {
      void choose({ action: "gpc", source: "api" });
    }
  }

  Object.defineProperty(window, "consentkit", { value: api, enumerable: true });
  root.setAttribute("data-consentkit-js", "");

  /**
   * Links and buttons of the site, and ours: by delegation, so that content which comes later has
   * them too. In the capture phase on window, since scripts that take over every link of a site come
   * later.
   */
  window.addEventListener(
    "click",
    (event) => {
      if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      if (!(event.target instanceof Element && "HTMLDialogElement" in window)) return;
      if (!event.target.closest("[data-consentkit=settings],[data-consentkit=customise]")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      show();
    },
    true,
  );
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", settle);
  else settle();
}
