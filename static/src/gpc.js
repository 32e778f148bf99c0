/**
 * Global Privacy Control (GPC 3.3): the browser's objection is recorded once, and heard even where
 * something on the way has taken the Sec-GPC header off.
 *
 * @param {string | undefined} told by the server: "record" when it saw the signal for the first time,
 *   "watch" when it did not see it and the visitor could object; else nothing is to be done
 * @returns {boolean} whether the server is to be told
 */
export function objects(told) {
  // Not yet in TypeScript's own types.
  const { globalPrivacyControl } = /** @type {{ globalPrivacyControl?: unknown }} */ (navigator);
  return told === "record" || (told === "watch" && globalPrivacyControl === true);
}
