/**
 * Takes the calls that the site's own code makes to services that are held back: `fbq("track")`
 * out of a click must not throw because the visitor has not decided yet.
 *
 * A call is kept while its services wait for a decision, replayed in order once one of them is
 * granted and its own code has come, and forgotten when they are refused.
 */

import { allows, words } from "./state.js";

/** @typedef {import("./state.js").Categories} Categories */

/** More than a page makes before its visitor decides, less than a runaway timer fills. */
const MOST = 1000;

/**
 * @typedef {object} Kept
 * @property {string} name
 * @property {string[]} path of the method in the object
 * @property {unknown[]} args
 */

/**
 * @param {import("./matcher.js").Call[]} calls
 * @param {() => Categories} current
 * @param {() => boolean} ours whether the code that runs now came out of a revived script
 */
export function record(calls, current, ours) {
  /** @type {Kept[]} */
  let kept = [];
  const needs = new Map(calls.map(([name, , needed]) => [name, needed]));

  /** @param {string} name */
  const granted = (name) => !!needs.get(name)?.some((needed) => allows(current(), needed));
  /** @param {string} name */
  const refused = (name) =>
    !!needs
      .get(name)
      ?.every((needed) => words(needed).some((category) => current()[category] === "denied"));

  /**
   * @param {string} name
   * @param {string[]} path
   * @param {unknown[]} args
   */
  function keep(name, path, args) {
    if (kept.length < MOST && !refused(name)) kept.push({ name, path, args });
    if (granted(name)) setTimeout(replay);
  }

  /**
   * @param {string} name
   * @param {string[]} [path]
   * @returns {any}
   */
  function methods(name, path = []) {
    return new Proxy(() => {}, {
      get: (_, key) =>
        typeof key === "symbol" || key === "then" ? undefined : methods(name, [...path, key]),
      apply: (_, __, args) => keep(name, path, args),
    });
  }

  /** Calls what was kept for those that are there by now. */
  function replay() {
    const now = kept;
    kept = [];
    for (const call of now) {
      const { name, path, args } = call;
      try {
        const own = Object.getOwnPropertyDescriptor(window, name);
        const known = granted(name) && own && (!own.get || !stubs.has(own.get));
        if (!known) kept.push(call);
        else {
          let self = /** @type {any} */ (window);
          let target = self[name];
          for (const key of path) [self, target] = [target, target[key]];
          Reflect.apply(target, self, args);
        }
      } catch (error) {
        reportError(error);
      }
    }
  }

  /** @type {WeakSet<Function>} */
  const stubs = new WeakSet();

  /**
   * @param {string} name
   * @param {any} stub
   */
  function stand(name, stub) {
    // Those who bring the real thing must not find us in its place: they would do nothing.
    const get = () => (granted(name) && ours() ? undefined : stub);
    stubs.add(get);
    Object.defineProperty(window, name, {
      configurable: true,
      enumerable: true,
      get,
      set(value) {
        if (value === stub) return;
        Object.defineProperty(window, name, {
          configurable: true,
          enumerable: true,
          writable: true,
          value,
        });
        if (granted(name)) setTimeout(replay);
      },
    });
  }

  /**
   * A queue is an array for its vendor as well, so it stays one.
   *
   * @param {string} name
   */
  function queue(name) {
    const list = (/** @type {any} */ (window)[name] ??= []);
    if (!Array.isArray(list)) return;
    const original = list.push;
    /**
     * @this {unknown[]}
     * @param {unknown[]} items
     */
    function push(...items) {
      if (granted(name)) return original.apply(this, items);
      keep(name, ["push"], items);
      return this.length;
    }
    push.consentkit = 1; // for signals.js, which has its own way past it
    Object.defineProperty(list, "push", { configurable: true, writable: true, value: push });
  }

  for (const [name, kind] of calls) {
    try {
      if (granted(name)) continue;
      if (kind === "array") queue(name);
      else if (!(name in window)) {
        stand(
          name,
          kind === "object"
            ? methods(name)
            : (/** @type {unknown[]} */ ...args) => keep(name, [], args),
        );
      }
    } catch {
      // The site has something of that name that cannot be touched.
    }
  }
  return {
    replay,
    /** Drops what was meant for those that are refused. */
    forget() {
      kept = kept.filter(({ name }) => !refused(name));
    },
  };
}
