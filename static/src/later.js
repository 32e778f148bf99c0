/**
 * What a page needs only once somebody asks for it: fetched with a choice, or with the dialog.
 */

import { unveil, unveilGranted } from "./embeds.js";
import { close, open } from "./preferences.js";
import { connect as revival } from "./revive.js";

/** @typedef {import("./state.js").Categories} Categories */

/**
 * Called once, by the script that stands guard.
 *
 * @param {import("./revive.js").Holding} holding
 */
export function connect(holding) {
  const { revive, once, ours } = revival(holding);
  return {
    close,
    open,
    ours,
    /** @param {Categories} categories */
    revive(categories) {
      const done = revive(categories);
      unveilGranted(categories);
      return done;
    },
    /** @param {Element} button of a placeholder, whose embed is loaded for this once */
    once(button) {
      unveil(button, once);
    },
  };
}
