/**
 * The preferences as a dialog over the page that the visitor is on: what the preferences page has
 * in its <main>, fetched when somebody asks for it. Whatever goes wrong, the page itself is gone to.
 */

/** @type {HTMLDialogElement | undefined} */
let dialog;
let opening = false;

/** Closes the dialog; the focus goes back to where it was. */
export function close() {
  dialog?.close();
}

/** @param {string} home the address of the preferences page */
export async function open(home) {
  if (opening || dialog?.open) return;
  opening = true;
  try {
    const page = await load(`${home}?next=${encodeURIComponent(location.pathname + location.search)}`);
    await dress(page);
    dialog = document.createElement("dialog");
    dialog.append(.../** @type {Element} */ (page.querySelector("main[data-consentkit=preferences]")).childNodes);
    dialog.className = "consentkit-ui consentkit-dialog";
    dialog.dataset.consentkit = "preferences";
    dialog.lang = page.documentElement.lang;
    dialog.dir = page.documentElement.dir;
    dialog.setAttribute("aria-labelledby", "consentkit-heading");
    dialog.setAttribute("closedby", "any");
    dialog.tabIndex = -1;
    for (const each of dialog.querySelectorAll("[hidden]")) each.removeAttribute("hidden");
    // Outside of body, which some sites exchange as a whole.
    document.documentElement.append(dialog);
    dialog.addEventListener("close", (event) => /** @type {Element} */ (event.target).remove());
    dialog.showModal();
    // The focus begins at the dialog itself: on none of its choices.
    dialog.focus();
  } catch {
    location.assign(home);
  }
  opening = false;
}

/**
 * Not fetch and DOMParser: where a site demands Trusted Types, only the browser may parse.
 *
 * @param {string} url
 * @returns {Promise<Document>}
 */
function load(url) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", url);
    request.responseType = "document";
    request.onload = () => resolve(request.response);
    request.onerror = reject;
    request.send();
  });
}

/**
 * Adds the style sheets of a page of ours that this page does not have yet.
 *
 * @param {Document} page
 */
function dress(page) {
  const ours = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[data-consentkit=styles]"));
  return Promise.all(
    [.../** @type {NodeListOf<HTMLLinkElement>} */ (page.querySelectorAll("link[data-consentkit=styles]"))]
      .filter((link) => !document.querySelector(`link[href="${link.getAttribute("href")}"]`))
      .map(
        (link) =>
          new Promise((resolve) => {
            link.nonce = ours?.nonce ?? "";
            link.onload = link.onerror = resolve;
            document.head.append(link);
          }),
      ),
  );
}
