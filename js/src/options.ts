import type { Transport, TransportOptions, Query } from "./transport";
import type { Untyped } from "./types";

export type TransportName = "polling" | "websocket" | "webtransport";

/** A class of transports of one's own, or one of `Fetch`, `WebSocket` and `WebTransport`. */
export type TransportClass = new (options: TransportOptions, query: Query) => Transport;

/** The options of the connection. Source: client-options.md, "Low-level engine options". */
export interface EngineOptions {
  /** Where the server is mounted. Default: "/socket.io". */
  path?: string;
  /** Default: true. */
  addTrailingSlash?: boolean;
  /** Added to every request. */
  query?: Record<string, Untyped>;
  /** Added to every request; a browser does not do it for WebSocket. */
  extraHeaders?: Record<string, string>;
  /** Send cookies to another origin. Default: false. */
  withCredentials?: boolean;
  /** Default: ["polling", "websocket", "webtransport"]. Only the first is tried, unless `tryAllTransports` is set. */
  transports?: readonly (TransportName | TransportClass)[];
  /** Try the next transport if one fails. Default: false. */
  tryAllTransports?: boolean;
  /** Upgrade from the first transport to better ones. Default: true. */
  upgrade?: boolean;
  /** Begin with WebSocket if it worked the last time. Default: false. */
  rememberUpgrade?: boolean;
  /** Options of single transports, by their names. */
  transportOptions?: { [Name in TransportName]?: Untyped };
  /** The sub-protocols of WebSocket. */
  protocols?: string | string[];
  /** Send binary as base64. Default: false. */
  forceBase64?: boolean;
  /** Add a timestamp to requests. Default: true for polling, false for WebSocket. */
  timestampRequests?: boolean;
  /** Its name. Default: "t". */
  timestampParam?: string;
  /** Milliseconds after which a request of polling fails. Default: 0, never. */
  requestTimeout?: number;
  /** Disconnect without a word when the page is left. Default: false. */
  closeOnBeforeunload?: boolean;
}
