/**
 * consentkit in the browser: saves choices without leaving the page, and brings to life what was
 * agreed to. Everything works without it too, a page load slower.
 *
 * Loaded as <script src="…" data-consentkit="client" data-action="/consent/" defer>, with
 *   data-granted="…"        category ids that the server holds to be granted for this page, and
 *   data-denied="…"         denied; without the two the cookies are read,
 *   data-cookie-prefix="…"  what the cookies' names begin with, when it is not "consent_".
 */

import { start } from "./client.js";

// A page that puts its scripts in twice (Turbo and the like) still has one of us.
if (!("consentkit" in window)) start();
