/** An address taken apart. */
export interface ParsedUrl {
  /** Scheme, host and port: what a connection is made to. */
  source: string;
  /** The name of the namespace. */
  path: string;
  query: Record<string, string>;
}

/**
 * Reads an address as `io()` takes it: whole, relative to the page, or without a scheme.
 *
 * It throws a TypeError if it is none; where there is no page, it must be whole. Source: `socket.io-client`, url.ts.
 */
export function parseUrl(uri?: string | null): ParsedUrl {
  uri ||= "/";
  const page = globalThis.location as Location | undefined;
  // What has no scheme begins with a host, unless it begins with a slash.
  const text = /^((http|ws)s?:)?\//.test(uri) ? uri : `${page?.protocol ?? "https:"}//${uri}`;
  const { protocol, host, searchParams } = new URL(text.replace(/\+/g, "%2B"), page?.href);
  return {
    source: `${protocol}//${host}`,
    // As it is written: a URL would be encoded, and without its dots.
    path: text.replace(/^(\w+:)?\/\/[^/?#]*|[?#].*/g, "") || "/",
    query: Object.fromEntries(searchParams),
  };
}
