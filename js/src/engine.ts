import { type Binary, sizeOf } from "./binary";
import { type EnginePacket, type EnginePacketType } from "./engine_packet";
import { Emitter } from "./emitter";
import { type Cleanup, later, listen, listenToVisibility } from "./environment";
import type { EngineOptions, TransportClass, TransportName } from "./options";
import type { CloseDetails, Query, Transport, TransportOptions } from "./transport";
import { Polling } from "./transports/polling";
import { WS } from "./transports/websocket";
import { WT } from "./transports/webtransport";
import { parseUrl } from "./url";

const TRANSPORTS: Record<TransportName, TransportClass> = { polling: Polling, websocket: WS, webtransport: WT };

/** Whether a WebSocket worked the last time, for the option `rememberUpgrade`. */
let priorWebsocketSuccess = false;

interface Handshake {
  sid: string;
  upgrades?: string[];
  pingInterval: number;
  pingTimeout: number;
  maxPayload?: number;
}

/** Why an upgrade failed: the message names the transport and the cause. */
export interface UpgradeError extends Error {
  transport: string;
}

export interface EngineEvents {
  open: () => void;
  packet: (packet: EnginePacket) => void;
  packetCreate: (packet: EnginePacket) => void;
  data: (data: string | ArrayBuffer) => void;
  drain: () => void;
  ping: () => void;
  error: (error: Error) => void;
  upgrading: (transport: Transport) => void;
  upgrade: (transport: Transport) => void;
  upgradeError: (error: UpgradeError) => void;
  close: (reason: string, details?: CloseDetails | Error) => void;
}

/** A packet is larger than what the server takes. */
export interface PayloadTooLargeError extends Error {
  name: "PayloadTooLargeError";
  /** Bytes, as they would be sent. */
  size: number;
  /** Bytes that the server takes at most. */
  maxPayload: number;
}

/** One Engine.IO session. Source: `engine.io-client`, socket.ts. */
export class Engine extends Emitter<EngineEvents, EngineEvents, EngineEvents> {
  /** The name of the session; empty until there is one. */
  id = "";
  readyState: "opening" | "open" | "closing" | "closed" = "opening";
  /** What is in use: its `name` says which it is. */
  transport: Transport | undefined;
  /** The names of the transports that may be used, in this order. */
  readonly transports: string[];
  readonly opts: TransportOptions;
  /** What has not been taken by the transport yet. */
  writeBuffer: EnginePacket[] = [];
  /** Whether another transport is about to take over. */
  upgrading = false;
  /** Why the last upgrade failed, if one did: the message and the name of the transport. */
  upgradeError: UpgradeError | undefined;

  private readonly _classes: Record<string, TransportClass>;
  private readonly _query: Query;
  private readonly _cleanups: Cleanup[];
  private _stopPingTimer: Cleanup | undefined;
  private _pingDelay = 0;
  private _pingDeadline = Infinity;
  private _maxPayload = Infinity;
  private _inFlight = 0;

  constructor(uri: string | undefined, options: EngineOptions) {
    super();
    const { source, query } = parseUrl(uri);
    const path = (options.path || "/socket.io").replace(/\/$/, "") + (options.addTrailingSlash === false ? "" : "/");
    this.opts = { ...options, source, path };
    this._query = { ...Object.fromEntries(new URLSearchParams(options.query ?? query)), EIO: "4" };
    this._classes = Object.fromEntries(
      (options.transports ?? (Object.keys(TRANSPORTS) as TransportName[])).map((transport) =>
        typeof transport === "string"
          ? [transport, TRANSPORTS[transport]]
          : [(transport.prototype as Transport).name, transport],
      ).filter(([, found]) => found),
    );
    this.transports = Object.keys(this._classes);
    this._cleanups = [
      // Nobody is told: the page is going.
      listen(options.closeOnBeforeunload && globalThis, "beforeunload", () => this.transport!.off().close()),
      // Its requests fail then, which is no news.
      listen(globalThis, "pagehide", (event) => (event as PageTransitionEvent).persisted || this.transport!.off()),
      listen(!source.includes("//localhost") && globalThis, "offline", () =>
        this._onClose("transport close", { description: "network connection lost" }),
      ),
      // The timers of a page that is not seen, or of a computer that sleeps, do not fire in time.
      listenToVisibility(() => this._hasPingExpired()),
    ];
    this._open();
  }

  /** Sends a message. */
  send(data: string | Binary): this {
    this._sendPacket("message", data);
    return this;
  }

  declare write: this["send"];

  /** Closes the session when all that was sent is on its way. */
  close(): this {
    if (this.readyState === "opening" || this.readyState === "open") {
      this.readyState = "closing";
      this._closeWhenIdle();
    }
    return this;
  }

  private _closeWhenIdle(): void {
    const again = (): void => this._closeWhenIdle();
    if (this.writeBuffer.length) this.once("drain", again);
    else if (this.upgrading) this.once("upgrade", again).once("upgradeError", again);
    else this._onClose("forced close");
  }

  /** Says whether the server has been silent for too long, although the timer has not fired yet: it may have slept. */
  _hasPingExpired(): boolean {
    const expired = Date.now() > this._pingDeadline;
    if (expired) queueMicrotask(() => this._onClose("ping timeout"));
    return expired;
  }

  /** Throws if the server would not take a message. */
  _checkSize(data: string | Binary): void {
    const maxPayload = this._maxPayload;
    // A character has three bytes at most.
    if (typeof data === "string" && data.length * 3 < maxPayload) return;
    const size = this._encodedSize(data);
    if (size > maxPayload) {
      const message = `payload of ${size} bytes: the server takes ${maxPayload}`;
      throw Object.assign(new Error(message), { name: "PayloadTooLargeError", size, maxPayload });
    }
  }

  private _open(): void {
    const { transports } = this;
    if (!transports.length) {
      queueMicrotask(() => this._onError(new Error("No transports available")));
      return;
    }
    const remembered = this.opts.rememberUpgrade && priorWebsocketSuccess && transports.includes("websocket");
    this._setTransport(this._create(remembered ? "websocket" : transports[0]!));
    this.transport!.open();
  }

  private _create(name: string): Transport {
    const query: Query = { ...this._query, transport: name };
    if (this.id) query.sid = this.id;
    const options = this.opts.transportOptions as Record<string, Partial<TransportOptions>> | undefined;
    return new this._classes[name]!({ ...this.opts, ...options?.[name] }, query);
  }

  private _setTransport(transport: Transport): void {
    this.transport?.off();
    this.transport = transport
      .on("drain", () => this._onDrain())
      .on("packet", (packet) => this._onPacket(packet))
      .on("error", (error) => this._onError(error))
      .on("close", (details) => this._onClose("transport close", details));
  }

  private _onHandshake(data: Handshake): void {
    this.id = this.transport!.query.sid = data.sid;
    this._pingDelay = data.pingInterval + data.pingTimeout;
    this._maxPayload = data.maxPayload || Infinity;
    this.readyState = "open";
    priorWebsocketSuccess = this.transport!.name === "websocket";
    this._tell("open");
    this._flush();
    if (this.readyState !== ("open" as string)) return;
    this._expectPing();
    if (this.opts.upgrade !== false) {
      const upgrades = (data.upgrades ?? []).filter((name) => this.transports.includes(name));
      for (const name of upgrades) this._probe(name, upgrades);
    }
  }

  /** Tries a transport, and changes over to it if it works. */
  private _probe(name: string, upgrades: string[]): void {
    const probe = this._create(name);
    let isOver = false;
    const end = (): void => {
      isOver = true;
      this.off("close", abort).off("upgrading", yieldTo);
      probe.off();
    };
    const abort = (): void => {
      end();
      probe.close();
    };
    const yieldTo = (other: Transport): void => {
      if (other !== probe) abort();
    };
    const fail = (cause: string): void => {
      abort();
      const error = Object.assign(new Error(`probe error: ${cause}`), { transport: name });
      this.upgradeError = error;
      if (this.upgrading) {
        this.upgrading = false;
        this.transport!._resume();
      }
      this._tell("upgradeError", error);
      this._flush();
    };
    this.on("close", abort).on("upgrading", yieldTo);
    probe
      .on("open", () => probe.send([{ type: "ping", data: "probe" }]))
      .on("error", (error) => fail(error.message))
      .on("close", () => fail("transport closed"))
      .once("packet", ({ type, data }) => {
        if (type !== "pong" || data !== "probe") return fail("unexpected packet");
        this.upgrading = true;
        this._tell("upgrading", probe);
        priorWebsocketSuccess = name === "websocket";
        this.transport!._pause(() => {
          if (isOver) return;
          end();
          this._setTransport(probe);
          probe.send([{ type: "upgrade" }]);
          this.upgrading = false;
          this._tell("upgrade", probe);
          this._flush();
        });
      });
    const open = (): void => {
      if (!isOver) probe.open();
    };
    // WebTransport is given a head start.
    if (name !== "webtransport" && upgrades.includes("webtransport")) later(200, open);
    else open();
  }

  private _onPacket(packet: EnginePacket): void {
    const { type, data } = packet;
    this._tell("packet", packet);
    if (type === "open") {
      let handshake: Handshake;
      try {
        handshake = JSON.parse(data as string) as Handshake;
      } catch (error) {
        return this._onError(error as Error);
      }
      this._onHandshake(handshake);
    } else if (type === "ping") {
      this._sendPacket("pong");
      this._tell("ping");
      this._expectPing();
    } else if (type === "error") {
      this._onError(Object.assign(new Error("server error"), { code: data }));
    } else if (type === "message") {
      this._tell("data", (data ?? "") as string | ArrayBuffer);
    }
  }

  private _expectPing(): void {
    this._stopPingTimer?.();
    this._pingDeadline = Date.now() + this._pingDelay;
    this._stopPingTimer = later(this._pingDelay, () => this._onClose("ping timeout"));
  }

  private _sendPacket(type: EnginePacketType, data: string | Binary = ""): void {
    if (this.readyState === "closing" || this.readyState === "closed") return;
    const packet: EnginePacket = { type, data };
    this._tell("packetCreate", packet);
    this.writeBuffer.push(packet);
    this._flush();
  }

  private _flush(): void {
    const { transport, writeBuffer } = this;
    if (!transport?.writable || this.upgrading || !writeBuffer.length) return;
    let end = -1;
    if (transport.name === "polling") {
      // A payload has a separator between two packets.
      let size = -1;
      end = writeBuffer.findIndex(({ data = "" }, index) => {
        size += 1 + this._encodedSize(data);
        return index && size > this._maxPayload;
      });
    }
    const packets = writeBuffer.slice(0, end < 0 ? undefined : end);
    this._inFlight = packets.length;
    transport.send(packets);
  }

  /** Returns the size of a packet in bytes, as the transport would send it. */
  private _encodedSize(data: string | Binary): number {
    const size = sizeOf(data);
    if (typeof data === "string") return 1 + size;
    return this.transport!.name === "polling" || this.opts.forceBase64 ? 1 + Math.ceil(size / 3) * 4 : size;
  }

  private _onDrain(): void {
    this.writeBuffer.splice(0, this._inFlight);
    this._inFlight = 0;
    if (this.writeBuffer.length) this._flush();
    else this._tell("drain");
  }

  private _onError(error: Error): void {
    priorWebsocketSuccess = false;
    if (this.opts.tryAllTransports && this.transports.length > 1 && this.readyState === "opening") {
      this.transports.shift();
      return this._open();
    }
    this._tell("error", error);
    this._onClose("transport error", error);
  }

  private _onClose(reason: string, details?: CloseDetails | Error): void {
    if (this.readyState === "closed") return;
    this._stopPingTimer?.();
    for (const cleanup of this._cleanups) cleanup();
    this.transport?.off().close();
    this.readyState = "closed";
    this.id = "";
    this._tell("close", reason, details);
    this.writeBuffer = [];
  }
}

Engine.prototype.write = Engine.prototype.send;
