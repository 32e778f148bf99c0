/**
 * Pages that change without being loaded anew (Turbo, htmx, pjax, routers in the browser): what
 * comes in with an inert tag comes alive when that is agreed to already, and the banner stays until
 * there is a decision.
 */

const MARK = "[data-consent]";
/** Who takes the banner away again and again does not want it. */
const MOST = 100;

/**
 * @param {object} page
 * @param {() => void} page.found inert tags came in
 * @param {() => boolean} page.open something is still to be decided
 * @param {(Element | null)[]} page.kept in the order in which they go into the page: what belongs
 *   to the head, then what belongs to the body
 */
export function watch({ found, open, kept }) {
  let left = MOST;
  const [styles, ...shown] = kept;

  function keep() {
    if (styles && !styles.isConnected) document.head?.prepend(styles);
    for (const element of shown) {
      if (element && open() && !element.isConnected && document.body && left-- > 0) {
        document.body.prepend(element);
      }
    }
  }

  new MutationObserver((records) => {
    let inert = false;
    for (const { addedNodes, removedNodes } of records) {
      for (const node of addedNodes) {
        if (node instanceof Element) inert ||= node.matches(MARK) || !!node.querySelector(MARK);
      }
      // Not at once: who exchanges a page does so in several steps.
      if (removedNodes.length && kept.some((each) => each && !each.isConnected)) setTimeout(keep);
    }
    if (inert) found();
  }).observe(document, { childList: true, subtree: true });
}
