/**
 * consentkit in the browser: stands guard, saves choices without leaving the page, and brings to
 * life what was agreed to. Everything works without it too, a page load slower.
 *
 * Loaded as <script src="…" data-consentkit="client" data-action="/consent/">, as the first of the
 * page while anything is held back (deferred when nothing is), with
 *   data-granted="…"        category ids that the server holds to be granted for this page, and
 *   data-denied="…"         denied; without the two the cookies are read,
 *   data-cookie-prefix="…"  what the cookies' names begin with, when it is not "consent_",
 *   data-site="…"           the registrable domain of the page, under strict rules.
 * The server puts the rules of the site in front of it (engine/assets.py).
 */

import { start } from "./client.js";

/** @type {import("./matcher.js").Rules} */
const NONE = { later: "consentkit.later.js", guard: 0, strict: 0, allow: "", groups: [], calls: [] };

// A page that puts its scripts in twice (Turbo and the like) still has one of us.
if (!("consentkit" in window)) {
  start(typeof CONSENTKIT_RULES === "undefined" ? NONE : CONSENTKIT_RULES);
}
