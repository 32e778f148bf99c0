/**
 * What the visitor has decided, as the browser can see it. Pure: no document, no window.
 *
 * @typedef {"granted" | "denied"} Outcome
 * @typedef {Readonly<Record<string, Outcome>>} Categories
 */

/**
 * The choices in a cookie string. Of duplicates of one name (another path, another domain) denied
 * wins, as it does in the server.
 *
 * @param {string} cookies document.cookie
 * @param {string} prefix what the names begin with
 * @returns {{ categories: Categories, raw: Readonly<Record<string, string>> }} raw: the values, to
 *   see whether a choice was made since
 */
export function readCookies(cookies, prefix) {
  /** @type {Record<string, Outcome>} */
  const categories = Object.create(null);
  /** @type {Record<string, string>} */
  const raw = Object.create(null);
  for (const pair of cookies.split(/; */)) {
    const cut = pair.indexOf("=");
    if (cut < 0 || !pair.startsWith(prefix)) continue;
    const category = pair.slice(prefix.length, cut);
    const found = /^"?(granted|denied)\./.exec(pair.slice(cut + 1));
    if (!category || !found) continue;
    raw[category] = (raw[category] ?? "") + pair.slice(cut + 1);
    if (category === "gpc") continue; // no category: since when the server knows of the signal
    if (categories[category] !== "denied") categories[category] = /** @type {Outcome} */ (found[1]);
  }
  return { categories, raw };
}

/**
 * Those choices that are about what visitors are told of now: the fingerprint in a cookie is the one
 * of its category. Whether the signature holds, only the server can tell.
 *
 * @param {{ categories: Categories, raw: Readonly<Record<string, string>> }} cookies
 * @param {string | undefined} prints category=fingerprint, with white space between them
 * @returns {Categories}
 */
export function fresh({ categories, raw }, prints) {
  /** @type {Record<string, Outcome>} */
  const found = Object.create(null);
  for (const pair of words(prints)) {
    const [category, print] = pair.split("=");
    const holds = raw[category]?.split(".")[2] === print;
    if (holds && categories[category]) found[category] = categories[category];
  }
  return found;
}

/**
 * @param {string | null | undefined} text category ids with white space between them
 * @returns {string[]}
 */
export function words(text) {
  return (text ?? "").split(/\s+/).filter(Boolean);
}

/**
 * Whether everything that an element needs is granted.
 *
 * @param {string | null} needed the value of data-consent
 * @param {Categories} categories
 */
export function allows(categories, needed) {
  return words(needed).every((category) => categories[category] === "granted");
}

/**
 * Outcomes out of the server's answer; anything that is neither granted nor denied is left out.
 *
 * @param {unknown} answer
 * @returns {Categories | null} null: not an answer of ours
 */
export function outcomes(answer) {
  if (typeof answer !== "object" || answer === null || !("categories" in answer)) return null;
  const given = answer.categories;
  if (typeof given !== "object" || given === null) return null;
  /** @type {Record<string, Outcome>} */
  const categories = Object.create(null);
  for (const [category, outcome] of Object.entries(given)) {
    if (outcome === "granted" || outcome === "denied") categories[category] = outcome;
  }
  // Where services are asked about one by one, elements need them by these names.
  const services = /** @type {{ services?: object }} */ (answer).services ?? {};
  for (const [service, outcome] of Object.entries(services)) categories[`service:${service}`] = outcome;
  return categories;
}

/**
 * Whether a MIME type or keyword in a script's type attribute means that it runs and reports back
 * (HTML, "prepare the script element"). Data blocks never fire load, so nobody may wait for them.
 *
 * @param {string | null} type
 */
export function runs(type) {
  return /^\s*((text|application)\/(x-)?(ecma|java|j|live)script[\d.]*|module)?\s*$/i.test(type ?? "");
}
