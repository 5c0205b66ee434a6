import { Backoff, type BackoffOptions } from "./backoff";
import type { Binary } from "./binary";
import { Emitter } from "./emitter";
import { Engine, type UpgradeError } from "./engine";
import { type Cleanup, later, listen, listenToVisibility } from "./environment";
import type { EngineOptions } from "./options";
import type { Decoder, Encoder, Packet, Parser } from "./packet";
import { Decoder as DefaultDecoder, Encoder as DefaultEncoder } from "./parser";
import { Socket, type SocketOptions } from "./socket";
import type { CloseDetails } from "./transport";
import type { DefaultEventsMap, EventsMap, NoEvents } from "./types";

/** Source: client-options.md, "Manager options". */
export interface ManagerOptions extends EngineOptions {
  /** Connect at once. Default: true. */
  autoConnect?: boolean;
  /** Default: JSON. */
  parser?: Parser;
  /** Connect again when the connection is lost, or was not made. Default: true. */
  reconnection?: boolean;
  /** How often to try before giving up. Default: Infinity. */
  reconnectionAttempts?: number;
  /** Milliseconds before the first attempt. Default: 1000. */
  reconnectionDelay?: number;
  /** Milliseconds that no delay is longer than. Default: 5000. */
  reconnectionDelayMax?: number;
  /** How much a delay is changed at random. Default: 0.5, half up or down. */
  randomizationFactor?: number;
  /** Milliseconds that a connection may take; false for ever. Default: 20000. */
  timeout?: number | false;
}

interface ManagerEvents {
  open: () => void;
  error: (error: Error) => void;
  ping: () => void;
  packet: (packet: Packet) => void;
  close: (reason: string, details?: CloseDetails | Error) => void;
  reconnect: (attempt: number) => void;
  reconnect_attempt: (attempt: number) => void;
  reconnect_error: (error: Error) => void;
  reconnect_failed: () => void;
  /** Ours: another transport has taken over. */
  upgrade: (transport: string) => void;
  /** Ours: it has not; the message says why. */
  upgrade_error: (error: UpgradeError) => void;
}

/** What can be changed later. */
interface Settings extends BackoffOptions {
  enabled: boolean;
  attempts: number;
  timeout: number | false;
}

/** Keeps a connection to a server, for any number of namespaces. Source: `socket.io-client`, manager.ts. */
export class Manager<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<NoEvents, NoEvents, ManagerEvents> {
  readonly opts: ManagerOptions;
  readonly uri: string | undefined;
  /** The connection: `engine.transport.name` says how it is made. */
  engine!: Engine;
  /** The sockets by namespace. */
  readonly nsps: Record<string, Socket<ListenEvents, EmitEvents>> = {};
  readonly backoff: Backoff;
  readonly encoder: Encoder;
  readonly decoder: Decoder;

  _readyState: "closed" | "opening" | "open" = "closed";
  _reconnecting = false;
  readonly _autoConnect: boolean;

  private readonly _settings: Settings;
  private _skipReconnect = false;
  private _cleanups: Cleanup[] = [];

  constructor(options?: ManagerOptions);
  constructor(uri?: string, options?: ManagerOptions);
  constructor(uri?: string | ManagerOptions, options?: ManagerOptions) {
    super();
    if (typeof uri === "object") {
      options = uri;
      uri = undefined;
    }
    const opts = (this.opts = options ?? {});
    opts.path ||= "/socket.io";
    this.uri = uri;
    this._settings = {
      enabled: opts.reconnection !== false,
      attempts: opts.reconnectionAttempts || Infinity,
      timeout: opts.timeout ?? 20000,
      min: opts.reconnectionDelay || 1000,
      max: opts.reconnectionDelayMax || 5000,
      jitter: opts.randomizationFactor ?? 0.5,
    };
    this.backoff = new Backoff(this._settings);
    const parser: Parser = opts.parser ?? { Encoder: DefaultEncoder, Decoder: DefaultDecoder };
    this.encoder = new parser.Encoder();
    this.decoder = new parser.Decoder();
    this.decoder.on("decoded", (packet) => queueMicrotask(() => this._tell("packet", packet)));
    this._autoConnect = opts.autoConnect !== false;
    if (this._autoConnect) this.open();
  }

  /** Whether to reconnect. */
  reconnection(): boolean;
  reconnection(value: boolean): this;
  reconnection(value?: boolean): this | boolean {
    if (value !== undefined && !(value = !!value)) this._skipReconnect = true;
    return this._setting("enabled", value);
  }

  /** How often to try. */
  reconnectionAttempts(): number;
  reconnectionAttempts(value: number): this;
  reconnectionAttempts(value?: number): this | number {
    return this._setting("attempts", value);
  }

  /** Milliseconds before the first attempt. */
  reconnectionDelay(): number;
  reconnectionDelay(value: number): this;
  reconnectionDelay(value?: number): this | number {
    return this._setting("min", value);
  }

  /** Milliseconds that no delay is longer than. */
  reconnectionDelayMax(): number;
  reconnectionDelayMax(value: number): this;
  reconnectionDelayMax(value?: number): this | number {
    return this._setting("max", value);
  }

  /** How much a delay is changed at random. */
  randomizationFactor(): number;
  randomizationFactor(value: number): this;
  randomizationFactor(value?: number): this | number {
    return this._setting("jitter", value);
  }

  /** Milliseconds that a connection may take. */
  timeout(): number | false;
  timeout(value: number | false): this;
  timeout(value?: number | false): this | number | false {
    return this._setting("timeout", value);
  }

  /** Connects; the callback is told of the first outcome, and then there are no further attempts. */
  open(callback?: (error?: Error) => void): this {
    if (this._readyState !== "closed") return this;
    const engine = (this.engine = new Engine(this.uri, this.opts));
    this._readyState = "opening";
    this._skipReconnect = false;
    const fail = (error: Error): void => {
      this._cleanup();
      this._readyState = "closed";
      this._tell("error", error);
      if (callback) callback(error);
      // The first attempt may be the first of several.
      else if (!this._reconnecting && this._settings.enabled && !this.backoff.attempts) this._reconnect();
    };
    const opened = (): void => {
      this._onOpen();
      callback?.();
    };
    this._cleanups.push(engine._subscribe("open", opened), engine._subscribe("error", fail));
    const { timeout } = this._settings;
    if (timeout !== false) {
      this._cleanups.push(
        later(timeout, () => {
          fail(new Error("timeout"));
          engine.close();
        }),
      );
    }
    return this;
  }

  declare connect: this["open"];

  /** Returns the socket of a namespace. */
  socket(nsp: string, options?: SocketOptions): Socket<ListenEvents, EmitEvents> {
    const socket = this.nsps[nsp];
    if (!socket) return (this.nsps[nsp] = new Socket(this as Manager, nsp, options) as Socket<ListenEvents, EmitEvents>);
    if (this._autoConnect && !socket.active) socket.connect();
    return socket;
  }

  /** Sends a packet; throws if the server would not take it. */
  _packet(packet: Packet): void {
    const messages = this.encoder.encode(packet) as (string | Binary)[];
    for (const message of messages) this.engine._checkSize(message);
    for (const message of messages) this.engine.write(message);
  }

  /** Closes the connection if no socket needs it any more. */
  _destroy(): void {
    if (!Object.values(this.nsps).some((socket) => socket.active)) this._close();
  }

  _close(): void {
    this._skipReconnect = true;
    this._reconnecting = false;
    this._onClose("forced close");
  }

  private _setting<Name extends keyof Settings>(name: Name, value?: Settings[Name]): this | Settings[Name] {
    if (value === undefined) return this._settings[name];
    this._settings[name] = value;
    return this;
  }

  private _onOpen(): void {
    this._cleanup();
    this._readyState = "open";
    this._tell("open");
    const { engine, decoder } = this;
    this._cleanups.push(
      engine._subscribe("ping", () => this._tell("ping")),
      engine._subscribe("data", (message) => {
        try {
          decoder.add(message);
        } catch (error) {
          this._onClose("parse error", error as Error);
        }
      }),
      engine._subscribe("error", (error) => this._tell("error", error)),
      engine._subscribe("close", (reason, details) => this._onClose(reason, details)),
      engine._subscribe("upgrade", (transport) => this._tell("upgrade", transport.name)),
      engine._subscribe("upgradeError", (error) => this._tell("upgrade_error", error)),
      () => decoder.destroy(),
    );
  }

  private _cleanup(): void {
    for (const cleanup of this._cleanups.splice(0)) cleanup();
  }

  private _onClose(reason: string, details?: CloseDetails | Error): void {
    this._cleanup();
    (this.engine as Engine | undefined)?.close();
    this.backoff.reset();
    this._readyState = "closed";
    this._tell("close", reason, details);
    if (this._settings.enabled && !this._skipReconnect) this._reconnect();
  }

  private _reconnect(): void {
    if (this._reconnecting || this._skipReconnect) return;
    const { backoff } = this;
    if (backoff.attempts >= this._settings.attempts) {
      backoff.reset();
      this._tell("reconnect_failed");
      return;
    }
    this._reconnecting = true;
    const attempt = (): void => {
      for (const stop of waits) stop();
      if (this._skipReconnect) return;
      this._tell("reconnect_attempt", backoff.attempts);
      // A listener may have disconnected.
      if (this._skipReconnect) return;
      this.open((error) => {
        this._reconnecting = false;
        if (error) {
          this._reconnect();
          this._tell("reconnect_error", error);
        } else {
          const { attempts } = backoff;
          backoff.reset();
          this._tell("reconnect", attempts);
        }
      });
    };
    // Who gets the network back, or looks at the page again, does not wait for the rest of the delay.
    const waits = [
      later(backoff.duration(), attempt),
      listen(globalThis, "online", attempt),
      listenToVisibility(attempt),
    ];
    this._cleanups.push(...waits);
  }
}

Manager.prototype.connect = Manager.prototype.open;
