/**
 * Embeds: what stands in for one goes when it comes alive, by a decision or for this once.
 */

import { allows } from "./state.js";

/**
 * Takes the placeholder of an embed away.
 *
 * @param {Element} button in it
 * @param {(frame: Element) => void} [before] what is done to the embed before
 */
export function unveil(button, before) {
  const embed = button.closest("[data-consentkit=embed]");
  const frame = [embed?.nextElementSibling, embed?.previousElementSibling].find(
    (each) => each instanceof HTMLIFrameElement,
  );
  if (frame) before?.(frame);
  // Whoever asked for it by keyboard goes on in it, not at the top of the page.
  if (embed?.contains(document.activeElement)) /** @type {HTMLElement} */ (frame)?.focus();
  embed?.remove();
}

/**
 * Takes away the placeholders of what is granted.
 *
 * @param {import("./state.js").Categories} categories
 */
export function unveilGranted(categories) {
  for (const button of document.querySelectorAll("[data-consentkit-grant]")) {
    if (allows(categories, button.getAttribute("data-consentkit-grant"))) unveil(button);
  }
}
