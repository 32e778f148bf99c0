/**
 * What consentkit publishes in the browser, for the site's own TypeScript:
 *
 *     /// <reference path="…/consentkit/static/consentkit.d.ts" />
 */

declare namespace Consentkit {
  /** What was decided on, by category; what was not decided on is not there. */
  type Categories = Readonly<Record<string, "granted" | "denied">>;

  interface Api {
    /** Whether a category is granted now. */
    granted(category: string): boolean;
    categories(): Record<string, "granted" | "denied">;
    /** Grants every category. Fulfilled when the choice is saved. */
    accept(): Promise<void>;
    /** Denies every category that can be chosen. */
    reject(): Promise<void>;
    /** Grants these categories and denies the others. */
    save(categories: string[]): Promise<void>;
    /** Shows the choices. */
    open(): void;
    /**
     * Calls a function after each choice, here or in another tab ("change"), before anything comes
     * alive ("before"), or once when the page is there ("ready").
     *
     * @returns stops it
     */
    on(event: "ready" | "before" | "change", listener: (categories: Categories) => void): () => void;
  }

  type ChoiceEvent = CustomEvent<{ categories: Categories }>;
}

interface Window {
  readonly consentkit: Consentkit.Api;
}

// What is dispatched on the document.
interface DocumentEventMap {
  "consentkit:ready": Consentkit.ChoiceEvent;
  "consentkit:before": Consentkit.ChoiceEvent;
  "consentkit:change": Consentkit.ChoiceEvent;
}

declare const consentkit: Consentkit.Api;
