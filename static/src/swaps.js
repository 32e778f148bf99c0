/**
 * Pages that change without being loaded anew (Turbo, htmx, pjax, routers in the browser): what
 * comes in with an inert tag comes alive when that is agreed to already, and the banner stays until
 * there is a decision.
 */

const MARK = "[data-consent]";
const BANNER = "[data-consentkit=banner]";
/** Who takes the banner away again and again does not want it. */
const MOST = 100;

/**
 * @param {object} page
 * @param {() => void} page.found inert tags came in
 * @param {() => boolean} page.open something is still to be decided
 * @param {Element | null} page.styles
 * @param {Element | null} page.banner
 */
export function watch({ found, open, styles, banner }) {
  let left = MOST;
  const lost = () => banner && !banner.isConnected && open();

  function keep() {
    if (styles && !styles.isConnected) document.head?.prepend(styles);
    // The page that came in may have brought its own.
    if (banner && lost() && document.body && !document.querySelector(BANNER) && left-- > 0) {
      document.body.prepend(banner);
    }
  }

  new MutationObserver((records) => {
    let inert = false;
    for (const { addedNodes, removedNodes } of records) {
      for (const node of addedNodes) {
        if (node instanceof Element) inert ||= node.matches(MARK) || !!node.querySelector(MARK);
      }
      // Not at once: who exchanges a page does so in several steps.
      if (removedNodes.length && (lost() || styles?.isConnected === false)) setTimeout(keep);
    }
    if (inert) found();
  }).observe(document, { childList: true, subtree: true });
}
