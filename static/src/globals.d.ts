/** What the server puts in front of the script (policy/rules.py). */
declare const CONSENTKIT_RULES: import("./matcher.js").Rules | undefined;
