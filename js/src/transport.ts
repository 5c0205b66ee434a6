import { Emitter } from "./emitter";
import { decodePacket, type EnginePacket } from "./engine_packet";
import type { EngineOptions } from "./options";
import type { NoEvents } from "./types";

/** What went wrong with a transport. Source: `engine.io-client`, transport.ts. */
export interface TransportError extends Error {
  type: "TransportError";
  /** The status of a response, or the event that told of the error. */
  description: unknown;
  /** The response, as far as there is one. */
  context?: unknown;
}

/** Why a connection was closed. */
export interface CloseDetails {
  description: string;
  context?: unknown;
}

interface TransportEvents {
  open: () => void;
  error: (error: Error) => void;
  packet: (packet: EnginePacket) => void;
  close: (details?: CloseDetails) => void;
  drain: () => void;
}

/** Where a transport connects to. */
export interface TransportOptions extends EngineOptions {
  /** Scheme, host and port; the scheme is that of the page, or what the user has written. */
  source: string;
  path: string;
}

export type Query = Record<string, string>;

/** Returns a query as the official client writes it: it has no plus for a space. */
function encode(query: Query): string {
  return `${new URLSearchParams(query)}`.replace(/\+/g, "%20");
}

/** One way to reach the server. */
export abstract class Transport extends Emitter<NoEvents, NoEvents, TransportEvents> {
  /** What the server calls it. */
  abstract get name(): string;
  /** Whether packets can be written now. */
  writable = false;
  readyState = "";

  constructor(
    readonly opts: TransportOptions,
    readonly query: Query,
  ) {
    super();
  }

  open(): void {
    this.readyState = "opening";
    this._doOpen();
  }

  close(): void {
    if (this.readyState === "opening" || this.readyState === "open") {
      this._doClose();
      this._onClose();
    }
  }

  send(packets: EnginePacket[]): void {
    if (this.readyState === "open") this._write(packets);
  }

  /** Calls back when nothing is on its way any more, so that another transport can take over. */
  _pause(onPause: () => void): void {
    onPause();
  }

  /** Goes on after all: nothing has taken over. */
  _resume(): void {}

  protected abstract _doOpen(): void;
  protected abstract _doClose(): void;
  protected abstract _write(packets: EnginePacket[]): void;

  protected _onOpen(): void {
    this.readyState = "open";
    this.writable = true;
    this._tell("open");
  }

  protected _onError(reason: string, description: unknown, context?: unknown): void {
    this._tell("error", Object.assign(new Error(reason), { type: "TransportError", description, context }));
  }

  protected _onData(data: string | ArrayBuffer): void {
    this._tell("packet", decodePacket(data));
  }

  protected _onClose(details?: CloseDetails): void {
    this.readyState = "closed";
    this.writable = false;
    this._tell("close", details);
  }

  protected _uri(scheme: string, timestamp: boolean): string {
    const { source, path, forceBase64, timestampParam = "t" } = this.opts;
    const query = { ...this.query };
    if (timestamp) query[timestampParam] = (Date.now() + Math.random()).toString(36);
    if (forceBase64) query.b64 = "1";
    return `${source.replace(/^(http|ws)/, scheme)}${path}?${encode(query)}`;
  }
}
