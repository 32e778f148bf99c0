/**
 * Takes a choice to the server. The quick way is JSON and leaves the page where it is; when that
 * fails in any way, the same choice goes as the form that it would have been without JavaScript.
 */

import { outcomes } from "./state.js";

/**
 * @typedef {object} Choice
 * @property {"accept" | "reject" | "save" | "gpc"} action
 * @property {string[]} [categories] what is granted, for save
 * @property {"banner" | "preferences" | "embed" | "api"} source
 * @property {string} [token]
 *
 * @typedef {object} Answer
 * @property {import("./state.js").Categories} categories
 * @property {boolean} reload
 * @property {string} message
 * @property {boolean} open something is still to be decided
 */

/**
 * @param {string} url
 * @param {Choice} choice
 * @returns {Promise<Answer>} rejected when the choice was not saved, or nobody knows
 */
export async function send(url, choice) {
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ ...choice, page: location.pathname }),
    keepalive: true,
  });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const answer = await response.json();
  const categories = outcomes(answer);
  if (!categories) throw new Error(`${url}: not an answer of consentkit`);
  return {
    categories,
    open: answer.state === "unset",
    reload: answer.reload === true,
    message: typeof answer.message === "string" ? answer.message : "",
  };
}

/**
 * The same choice as a form that the browser itself sends; the server answers with a page.
 *
 * @param {string} url
 * @param {Choice} choice
 */
export function submit(url, choice) {
  const form = document.createElement("form");
  form.method = "post";
  form.setAttribute("action", url);
  form.hidden = true;
  const fields = [
    ["action", choice.action],
    ["source", choice.source],
    ["token", choice.token ?? ""],
    ["next", location.pathname + location.search],
    ...(choice.categories ?? []).map((category) => ["category", category]),
  ];
  for (const [name, value] of fields) {
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = name;
    input.value = value;
    form.append(input);
  }
  document.body.append(form);
  // Not form.submit, which a field or the site may have put something else in the place of.
  HTMLFormElement.prototype.submit.call(form);
}
