/**
 * Trusted Types: what comes from the server's own page may go back into it. A page that lists the
 * policies it allows has to list "consentkit"; on one that does not, nothing is forced.
 */

/** @type {any} */
let policy;

/**
 * @param {"HTML" | "Script" | "ScriptURL"} kind
 * @param {string} text
 * @returns {string} or, where the page asks for it, a trusted value
 */
export function trusted(kind, text) {
  const factory = /** @type {any} */ (window).trustedTypes;
  if (!factory) return text;
  try {
    const same = (/** @type {string} */ each) => each;
    policy ??= factory.createPolicy("consentkit", {
      createHTML: same,
      createScript: same,
      createScriptURL: same,
    });
    return policy[`create${kind}`](text);
  } catch {
    return text;
  }
}
