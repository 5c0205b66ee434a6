/** What differs between pages, workers and Node.js. */

export type Cleanup = () => void;

/** Listens to an event of the page or the worker, until the function that is returned is called. */
export function listen(target: unknown, event: string, listener: (event: Event) => void): Cleanup {
  // Node.js and React Native have no such events.
  const events = (target || undefined) as Partial<EventTarget> | undefined;
  events?.addEventListener?.(event, listener);
  return () => events?.removeEventListener?.(event, listener);
}

/** Listens to the page becoming visible. */
export function listenToVisibility(listener: () => void): Cleanup {
  const page = globalThis.document as Document | undefined;
  return listen(page, "visibilitychange", () => {
    if (page?.visibilityState === "visible") listener();
  });
}

/** Calls a function later; it is not called if the function that is returned is called before. */
export function later(milliseconds: number, callback: () => void): Cleanup {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
