/**
 * The rules of the site, asked about what is on this page for this visitor.
 */

import { addresses, names } from "./matcher.js";
import { allows, words } from "./state.js";

/** @typedef {import("./state.js").Categories} Categories */

/** Nobody can agree to what nobody declared (settings.UNCLASSIFIED). */
const UNKNOWN = "unclassified";

/**
 * The tables are made when they are first needed, which is not before the page is painted.
 *
 * @template {(...args: any[]) => any} F
 * @param {() => F} make
 * @returns {(...args: Parameters<F>) => ReturnType<F>}
 */
function late(make) {
  /** @type {F | undefined} */
  let made;
  return (...args) => (made ??= make())(...args);
}

/**
 * @param {import("./matcher.js").Rules} rules
 * @param {() => Categories} current
 * @param {string} site the registrable domain of the page, for strict rules
 */
export function judges(rules, current, site) {
  const find = late(() => addresses(rules.groups));
  const allowed = words(rules.allow);

  /** @param {string} needed */
  const missing = (needed) => (allows(current(), needed) ? "" : needed);
  /**
   * @param {string} host
   * @param {string} domain
   */
  const within = (host, domain) => host === domain || host.endsWith(`.${domain}`);

  /** @param {4 | 5 | 6} column */
  const name = (column) => {
    const test = late(() => names(rules.groups, column));
    return (/** @type {string} */ each) => missing(test(each));
  };

  return {
    /**
     * @param {unknown} address
     * @returns {string} the categories that it needs and that are not all granted; or nothing
     */
    url(address) {
      const url = new URL(String(address), document.baseURI);
      if (!/^(http|ws)s?:$/.test(url.protocol)) return "";
      const host = url.hostname.replace(/\.$/, "");
      for (const rule of allowed) {
        if (rule.startsWith("*.") ? within(host, rule.slice(2)) : host === rule) return "";
      }
      const known = find(host, url.pathname + url.search);
      if (known === undefined && rules.strict && site && !within(host, site)) return UNKNOWN;
      return missing(known ?? "");
    },
    cookie: name(4),
    local: name(5),
    session: name(6),
  };
}
