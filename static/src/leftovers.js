/**
 * Removes what services left behind that are not, or not any more, agreed to: cookies that a script
 * can see, and their entries in local and session storage. The server removes the others.
 */

/** @typedef {ReturnType<typeof import("./rules.js").judges>} Judges */

/** The cookies; none in a frame that may have none. */
export function jar() {
  try {
    return document.cookie;
  } catch {
    return "";
  }
}

/** @param {Judges} judges */
export function sweep(judges) {
  for (const pair of jar().split(/; */)) {
    const name = pair.split("=", 1)[0];
    if (name && judges.cookie(name)) expire(name);
  }
  for (const kind of /** @type {const} */ (["local", "session"])) {
    try {
      const storage = window[`${kind}Storage`];
      for (const name of Object.keys(storage)) if (judges[kind](name)) storage.removeItem(name);
    } catch {
      // Storage may be forbidden.
    }
  }
}

/**
 * Where a cookie lies is not told: every domain and path that this page may set one for is tried
 * (browsers refuse public suffixes by themselves).
 *
 * @param {string} name
 */
function expire(name) {
  const { hostname, pathname } = location;
  const domains = [""];
  for (let at = 0; at >= 0 && hostname.includes(".", at); at = hostname.indexOf(".", at) + 1) {
    domains.push(`;domain=${hostname.slice(at)}`);
  }
  const paths = ["/"];
  for (const found of pathname.matchAll(/[^/](?=\/|$)/g)) {
    const path = pathname.slice(0, found.index + 1);
    paths.push(path, `${path}/`);
  }
  for (const domain of domains) {
    for (const path of paths) document.cookie = `${name}=;max-age=0;path=${path}${domain}`;
  }
}
