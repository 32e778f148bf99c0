/**
 * What a page needs only once somebody asks for it: fetched with a choice, or with the dialog.
 */

import { close, open } from "./preferences.js";
import { connect as revival } from "./revive.js";

/**
 * Called once, by the script that stands guard.
 *
 * @param {import("./revive.js").Holding} holding
 */
export function connect(holding) {
  return { ...revival(holding), open, close };
}
