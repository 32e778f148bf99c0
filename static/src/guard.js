/**
 * Holds back what scripts put into the page later, as the gate holds back what comes with it: an
 * element gets its address under another name and comes alive when its categories are granted;
 * requests fail as if there were no network.
 *
 * What cannot be wrapped in this browser stays as it is, and a doubt decides for the browser's own
 * ways: this is the third wall, behind the gate and the policy of the page.
 */

import { trusted } from "./trusted.js";

const MARK = "data-consent";
const MOVED = "data-consent-";
const INERT = "text/plain";
/** Nobody is contacted for it, and it fails as networks do: a bad port (Fetch, 2.9). */
const NOWHERE = "wss://0.0.0.0:1/";
const PROPERTIES =
  "Script.src Image.src Image.srcset IFrame.src Frame.src Link.href Source.src Source.srcset " +
  "Media.src Video.poster Track.src Embed.src Object.data Input.src";
const ATTRIBUTE = /^(src|srcset|href|data|poster)$/i;
const ELEMENT = /^(script|img|i?frame|link|source|audio|video|track|embed|object|input)$/;
const TAG = /<(script|img|image|i?frame|link|source|audio|video|track|embed|object|input)\b[^>]*>/gi;
const VALUE = /([\s"'/])(src|srcset|href|data|poster)\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)/gi;

/** Elements that were held back here, in their order, with addresses as the page gave them (they
 * may be trusted values). @type {Map<Element, Record<string, unknown>>} */
const held = new Map();
let passing = false;

/** What the revival has to know (it is a file of its own). */
export const holding = {
  held,
  trusted,
  /**
   * Does something that is not held back.
   *
   * @param {() => void} action
   */
  pass(action) {
    passing = true;
    try {
      action();
    } finally {
      passing = false;
    }
  },
};

/**
 * @param {(url: unknown) => string} judge the categories that an address still needs
 * @param {(name: string) => string} judgeCookie the same for a cookie
 */
export function guard(judge, judgeCookie) {
  /** @param {unknown} url */
  const needs = (url) => {
    try {
      return passing ? "" : judge(url);
    } catch {
      return "";
    }
  };
  /** @param {string} text an address, or several with sizes (srcset) */
  const needsAny = (text) => text.split(/,?\s+/).map(needs).filter(Boolean).join(" ");

  /**
   * @param {any} target
   * @param {string} name
   * @param {"value" | "set"} part
   * @param {ProxyHandler<any>} traps
   */
  function wrap(target, name, part, traps) {
    try {
      const descriptor = /** @type {any} */ (Object.getOwnPropertyDescriptor(target, name));
      descriptor[part] = new Proxy(descriptor[part], traps);
      Object.defineProperty(target, name, descriptor);
    } catch {
      // This browser has no such thing.
    }
  }

  /**
   * @param {any} target
   * @param {string} names
   * @param {(args: any[], self: any) => any} instead changes the arguments, or gives a result in
   *   place of the call: a function that makes it
   * @param {"value" | "set"} [part]
   */
  function before(target, names, instead, part = "value") {
    for (const name of names.split(" ")) {
      wrap(target, name, part, {
        apply(native, self, args) {
          const result = instead(args, self);
          return result ? result() : Reflect.apply(native, self, args);
        },
      });
    }
  }

  const { setAttribute, removeAttribute } = Element.prototype;

  /**
   * @param {Element} element
   * @param {string} name
   * @param {unknown} value
   * @returns {(() => void) | undefined} what to do in place of setting it
   */
  function hold(element, name, value) {
    name = name.toLowerCase();
    const text = String(value);
    const needed = name === "srcset" ? needsAny(text) : needs(text);
    const mark = element.getAttribute(MARK);
    if (!needed) {
      // Another address in place of one that was held.
      if (mark !== null && held.has(element) && !passing) {
        removeAttribute.call(element, MOVED + name);
        if (element.getAttributeNames().every((each) => !each.startsWith(MOVED))) {
          removeAttribute.call(element, MARK);
          held.delete(element);
        }
      }
      return;
    }
    return () => {
      held.set(element, { ...held.get(element), [name]: value });
      setAttribute.call(element, MARK, mark ? `${mark} ${needed}` : needed);
      setAttribute.call(element, MOVED + name, text);
      removeAttribute.call(element, name);
      if (element.localName !== "script") return;
      // Without an address a script would run the text that it may have.
      const type = element.getAttribute("type");
      if (type && type !== INERT) setAttribute.call(element, `${MOVED}type`, type);
      setAttribute.call(element, "type", INERT);
    };
  }

  /** @param {string} html */
  function rewrite(html) {
    return html.replace(TAG, (tag, /** @type {string} */ name) => {
      /** @type {string[]} */
      const needed = [];
      const moved = tag.replace(VALUE, (all, space, _, quoted) => {
        const url = quoted.replace(/^["']|["']$/g, "").replace(/&amp;/g, "&");
        const found = needsAny(url);
        if (found) needed.push(found);
        return found ? space + MOVED + all.slice(1) : all;
      });
      if (!needed.length) return tag;
      const type = /^script$/i.test(name);
      return (
        `<${name} ${MARK}="${needed.join(" ")}"${type ? ` type="${INERT}"` : ""}` +
        (type ? moved.replace(/(\s)type\s*=/i, `$1${MOVED}type=`) : moved).slice(name.length + 1)
      );
    });
  }

  /**
   * @param {any[]} args
   * @param {number} at
   */
  function rewriteAt(args, at) {
    const value = args[at];
    const text = String(value ?? "");
    if (passing || !text.includes("<")) return;
    const changed = rewrite(text);
    if (changed !== text) args[at] = typeof value === "string" ? changed : trusted("HTML", changed);
  }

  for (const property of PROPERTIES.split(" ")) {
    const [owner, name] = property.split(".");
    const type = /** @type {any} */ (window)[`HTML${owner}Element`];
    before(type?.prototype, name, ([value], self) => hold(self, name, value), "set");
  }
  before(Element.prototype, "setAttribute", ([name, value], self) => {
    if (ATTRIBUTE.test(name) && ELEMENT.test(self.localName)) return hold(self, name, value);
  });

  before(Element.prototype, "innerHTML outerHTML", (args) => rewriteAt(args, 0), "set");
  before(window.ShadowRoot?.prototype, "innerHTML", (args) => rewriteAt(args, 0), "set");
  before(HTMLIFrameElement.prototype, "srcdoc", (args) => rewriteAt(args, 0), "set");
  before(Element.prototype, "insertAdjacentHTML", (args) => rewriteAt(args, 1));
  before(Element.prototype, "setHTMLUnsafe", (args) => rewriteAt(args, 0));
  before(Range.prototype, "createContextualFragment", (args) => rewriteAt(args, 0));
  before(window.DOMParser?.prototype, "parseFromString", (args) => rewriteAt(args, 0));
  before(Document.prototype, "write writeln", (args) => {
    if (args.length > 1 && args.every((each) => typeof each === "string")) {
      args.splice(0, args.length, args.join(""));
    }
    rewriteAt(args, 0);
  });

  before(window, "fetch", ([input]) => {
    if (needs(input instanceof Request ? input.url : input)) {
      return () => Promise.reject(new TypeError("Failed to fetch"));
    }
  });
  before(window.XMLHttpRequest?.prototype, "open", (args) => {
    if (needs(args[1])) args[1] = NOWHERE.replace("ws", "http");
  });
  before(window.Navigator?.prototype, "sendBeacon", ([url]) => (needs(url) ? () => true : undefined));

  /** @type {WeakSet<object>} pieces of code that call what is held back */
  const blobs = new WeakSet();
  /** @type {Set<string>} */
  const blobUrls = new Set();
  /** @param {unknown} text */
  const loads = (text) =>
    typeof text === "string" &&
    /\bimport/.test(text) &&
    (text.match(/https?:\/\/[^\s"'`)]+/g) ?? []).some(needs);
  wrap(window, "Blob", "value", {
    construct(native, args, target) {
      const blob = Reflect.construct(native, args, target);
      if (Array.isArray(args[0]) && args[0].some(loads)) blobs.add(blob);
      return blob;
    },
  });
  wrap(URL, "createObjectURL", "value", {
    apply(native, self, args) {
      const url = Reflect.apply(native, self, args);
      if (blobs.has(args[0])) blobUrls.add(url);
      return url;
    },
  });
  for (const name of ["WebSocket", "EventSource", "Worker", "SharedWorker"]) {
    wrap(window, name, "value", {
      construct(native, args, target) {
        const url = String(args[0]);
        if (needs(url) || blobUrls.has(url)) args[0] = name.endsWith("er") ? "data:," : NOWHERE;
        return Reflect.construct(native, args, target);
      },
    });
  }

  before(
    Document.prototype,
    "cookie",
    ([text]) => {
      const cookie = String(text);
      const name = cookie.split(/[=;]/, 1)[0].trim();
      // To delete one is always right.
      if (/max-age\s*=\s*(0|-)|expires\s*=[^;]*\b19[67]\d\b/i.test(cookie)) return;
      if (judgeCookie(name)) return () => {};
    },
    "set",
  );
  before(/** @type {any} */ (window).CookieStore?.prototype, "set", ([cookie]) =>
    judgeCookie(String(cookie?.name ?? cookie)) ? () => Promise.resolve() : undefined,
  );
}
