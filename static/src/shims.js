/**
 * What a late script misses: a document.write that does not wipe the page, from the first revival
 * on, and the two events that are over, while scripts are being revived.
 */

/** @type {WeakSet<object>} scripts that were revived */
const revived = new WeakSet();
/** @type {Map<Element, string>} what each running script has written so far */
const written = new Map();
/** @type {Record<string, (() => void)[]>} listeners that came too late, in the order of events */
const late = { DOMContentLoaded: [], load: [] };
/** Revived module scripts under way: they run without document.currentScript. */
let modules = 0;
/** Late listeners being called: what they listen for is over just as well. */
let calling = false;
let depth = 0;
let guarded = false;
/** @type {(() => void)[]} */
const undo = [];

/** Whether the code that runs now came out of a revived script. */
export function ours() {
  const script = document.currentScript;
  return script ? revived.has(script) : calling || modules > 0;
}

/**
 * Puts a function in front of an object's own, and remembers how to take it away. When somebody
 * else has put theirs in front of ours meanwhile, ours stays and passes calls on.
 *
 * @param {any} target
 * @param {string} name
 * @param {(original: Function) => Function} make
 */
function shadow(target, name, make) {
  const had = Object.prototype.hasOwnProperty.call(target, name);
  const original = target[name];
  const replacement = make(original);
  target[name] = replacement;
  undo.push(() => {
    if (target[name] !== replacement) return;
    if (had) target[name] = original;
    else delete target[name];
  });
}

/**
 * @param {Function} original
 * @param {string} end
 */
function write(original, end) {
  return function (/** @type {unknown[]} */ ...parts) {
    const script = document.currentScript;
    if (script && revived.has(script)) {
      written.set(script, (written.get(script) ?? "") + parts.join("") + end);
    } else if (document.readyState === "loading") {
      original.apply(document, parts);
    }
    // Else: out of a timer or a listener. It would wipe the page, and did not do so when the
    // script ran with the page. Who means it calls document.open first: then it is "loading".
  };
}

/**
 * @param {Function} original
 * @param {EventTarget} target
 */
function listen(original, target) {
  return function (
    /** @type {any} */ type,
    /** @type {any} */ listener,
    /** @type {unknown[]} */ ...rest
  ) {
    const over =
      type === "DOMContentLoaded"
        ? document.readyState !== "loading"
        : type === "load" && target === window && document.readyState === "complete";
    if (!depth || !over || !listener || !ours()) {
      return original.call(target, type, listener, ...rest);
    }
    late[/** @type {"load"} */ (type)].push(() => {
      const event = new Event(type);
      if (typeof listener === "function") listener.call(target, event);
      else listener.handleEvent(event);
    });
  };
}

/** From here on, until the matching leave, revived scripts are served. */
export function enter() {
  if (!guarded) {
    guarded = true;
    document.write = write(document.write, "");
    document.writeln = write(document.writeln, "\n");
  }
  if (depth++) return;
  shadow(document, "addEventListener", (original) => listen(original, document));
  shadow(window, "addEventListener", (original) => listen(original, window));
}

export function leave() {
  if (--depth) return;
  for (const step of undo.splice(0)) step();
}

/** Calls the listeners that came too late, once each; their errors are their own. */
export function callLate() {
  calling = true;
  for (let call; (call = late.DOMContentLoaded.shift() ?? late.load.shift()); ) {
    try {
      call();
    } catch (error) {
      reportError(error);
    }
  }
  calling = false;
}

/**
 * Serves one script.
 *
 * @param {HTMLScriptElement} script
 * @returns {() => string} to be called when it is done: gives what it has written
 */
export function serve(script) {
  const module = script.type === "module";
  const before = window.onload;
  revived.add(script);
  if (module) modules++;
  return () => {
    if (module) modules--;
    const after = window.onload;
    if (after && after !== before && document.readyState === "complete") {
      late.load.push(() => after.call(window, new Event("load")));
    }
    const markup = written.get(script) ?? "";
    written.delete(script);
    return markup;
  };
}
