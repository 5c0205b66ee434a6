import { Emitter, withoutFirst } from "./emitter";
import type { PayloadTooLargeError } from "./engine";
import { type Cleanup, later } from "./environment";
import type { Manager } from "./manager";
import { isReserved, type Packet, PacketType } from "./packet";
import type { CloseDetails } from "./transport";
import type {
  AckAnswer,
  AnyEventListener,
  DefaultEventsMap,
  EventNames,
  EventParams,
  EventsMap,
  ParamsWithoutAck,
  Untyped,
  WithTimeout,
} from "./types";

type Auth = Record<string, Untyped>;

/** Source: client-options.md, "Socket options". */
export interface SocketOptions {
  /** Sent with every connection to the namespace; a function is asked each time. */
  auth?: Auth | ((callback: (auth: Auth) => void) => void);
  /** How often an event is sent again that was not acknowledged. Default: 0. */
  retries?: number;
  /** Milliseconds to wait for an acknowledgement. Default: for ever. */
  ackTimeout?: number;
}

/** Why a socket was disconnected. */
export type DisconnectReason =
  | "io server disconnect"
  | "io client disconnect"
  | "ping timeout"
  | "transport close"
  | "transport error"
  | "parse error"
  | "forced close";

interface SocketEvents {
  connect: () => void;
  connect_error: (error: Error & { data?: Untyped; description?: Untyped; context?: Untyped }) => void;
  disconnect: (reason: DisconnectReason, details?: CloseDetails | Error) => void;
}

type Ack = ((...args: unknown[]) => void) & { _errorFirst?: boolean };

interface Flags {
  _compress?: boolean;
  _volatile?: boolean;
  _timeout?: number;
  _fromQueue?: boolean;
}

/** An event that is sent until it is acknowledged. */
interface QueuedEvent {
  _args: unknown[];
  _flags: Flags;
  _tries: number;
  _pending: boolean;
}

/** One namespace of a connection. Source: `socket.io-client`, socket.ts. */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<ListenEvents, EmitEvents, SocketEvents> {
  /** Changes with every connection, unless it is recovered; undefined while there is none. */
  id: string | undefined;
  connected = false;
  /** Whether the server has restored id, rooms and what was missed. */
  recovered = false;
  auth: SocketOptions["auth"];
  /** What came before the connection to the namespace was confirmed. */
  receiveBuffer: unknown[][] = [];
  /** What was emitted while there was no connection. */
  sendBuffer: Packet[] = [];

  private _subscriptions: Cleanup[] | undefined;
  private _flags: Flags = {};
  private _nextId = 0;
  private readonly _acks = new Map<number, Ack>();
  private readonly _queue: QueuedEvent[] = [];
  private _any: AnyEventListener[] = [];
  private _anyOutgoing: AnyEventListener[] = [];
  /** For the recovery of the connection: what the server has called the session, and the last event that came. */
  private _pid: string | undefined;
  private _lastOffset: string | undefined;

  constructor(
    readonly io: Manager,
    readonly nsp: string,
    private readonly _options: SocketOptions = {},
  ) {
    super();
    this.auth = _options.auth;
    if (io._autoConnect) this.connect();
  }

  get disconnected(): boolean {
    return !this.connected;
  }

  /** Whether the socket connects again by itself. */
  get active(): boolean {
    return !!this._subscriptions;
  }

  /** Connects, if it does not do so by itself. */
  connect(): this {
    const { io } = this;
    if (this.connected) return this;
    if (!this._subscriptions) {
      this._subscriptions = [
        io._subscribe("open", () => this._onOpen()),
        io._subscribe("packet", (packet) => this._onPacket(packet)),
        io._subscribe("error", (error) => {
          if (!this.connected) this._tell("connect_error", error);
        }),
        io._subscribe("close", (reason, details) => this._onClose(reason as DisconnectReason, details)),
      ];
    }
    if (!io._reconnecting) io.open();
    if (io._readyState === "open") this._onOpen();
    return this;
  }

  declare open: this["connect"];

  /** Disconnects; it does not connect again by itself. */
  disconnect(): this {
    if (this.connected) this._send({ type: PacketType.DISCONNECT });
    this._destroy();
    if (this.connected) this._onClose("io client disconnect");
    return this;
  }

  declare close: this["disconnect"];

  /** Emits an event named "message". */
  send(...args: Untyped[]): this {
    return this._emit("message", args);
  }

  /**
   * Emits an event to the server. If the last argument is a function, it is called with the acknowledgement.
   *
   * Throws if the name is reserved, and if the server would not take so much.
   */
  override emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): this {
    return this._emit(event, args);
  }

  /** Emits an event and returns the acknowledgement; it fails when the time that was given is over. */
  emitWithAck<Event extends EventNames<EmitEvents>>(
    event: Event,
    ...args: ParamsWithoutAck<EmitEvents, Event>
  ): Promise<AckAnswer<EmitEvents, Event>> {
    return new Promise((resolve, reject) => {
      const ack: Ack = (error, answer) => (error ? reject(error) : resolve(answer as AckAnswer<EmitEvents, Event>));
      ack._errorFirst = true;
      this._emit(event, [...args, ack]);
    });
  }

  /** Sets whether the next event may be compressed. */
  compress(value: boolean): this {
    this._flags._compress = value;
    return this;
  }

  /** The next event is dropped if it cannot be sent now. */
  get volatile(): this {
    this._flags._volatile = true;
    return this;
  }

  /** Sets how many milliseconds the next event waits for its acknowledgement, which is then told of an error first. */
  timeout(milliseconds: number): Socket<ListenEvents, WithTimeout<EmitEvents>> {
    this._flags._timeout = milliseconds;
    return this as unknown as Socket<ListenEvents, WithTimeout<EmitEvents>>;
  }

  /** Calls a function at every event that comes. */
  onAny(listener: AnyEventListener): this {
    this._any.push(listener);
    return this;
  }

  /** The same, before those that are there. */
  prependAny(listener: AnyEventListener): this {
    this._any.unshift(listener);
    return this;
  }

  /** Removes such a function, or all. */
  offAny(listener?: AnyEventListener): this {
    this._any = without(this._any, listener);
    return this;
  }

  listenersAny(): AnyEventListener[] {
    return this._any;
  }

  /** Calls a function at every event that is sent. */
  onAnyOutgoing(listener: AnyEventListener): this {
    this._anyOutgoing.push(listener);
    return this;
  }

  /** The same, before those that are there. */
  prependAnyOutgoing(listener: AnyEventListener): this {
    this._anyOutgoing.unshift(listener);
    return this;
  }

  /** Removes such a function, or all. */
  offAnyOutgoing(listener?: AnyEventListener): this {
    this._anyOutgoing = without(this._anyOutgoing, listener);
    return this;
  }

  listenersAnyOutgoing(): AnyEventListener[] {
    return this._anyOutgoing;
  }

  // Sending

  private _emit(event: unknown, rest: unknown[]): this {
    if (isReserved(event)) throw new Error(`"${String(event)}" is a reserved event name`);
    const args = [event, ...rest];
    const flags = this._flags;
    this._flags = {};
    if (this._options.retries && !flags._fromQueue && !flags._volatile) {
      this._enqueue(args, flags);
      return this;
    }
    const packet: Packet = { type: PacketType.EVENT, nsp: this.nsp, data: args };
    packet.options = { compress: flags._compress !== false };
    const last = args[args.length - 1];
    if (typeof last === "function") {
      args.pop();
      packet.id = this._nextId++;
      this._expectAck(packet.id, last as Ack, flags._timeout ?? this._options.ackTimeout);
    }
    const engine = this.io.engine as Manager["engine"] | undefined;
    if (flags._volatile && !engine?.transport?.writable) return this;
    if (this.connected && !engine?._hasPingExpired()) this._sendEvent(packet, true);
    else this.sendBuffer.push(packet);
    return this;
  }

  private _expectAck(id: number, ack: Ack, timeout?: number): void {
    if (timeout === undefined) {
      this._acks.set(id, ack);
      return;
    }
    const stop = later(timeout, () => {
      this._acks.delete(id);
      this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id);
      ack.call(this, new Error("operation has timed out"));
    });
    const timed: Ack = (...args) => {
      stop();
      ack.apply(this, args);
    };
    timed._errorFirst = true;
    this._acks.set(id, timed);
  }

  /** Sends an event; what is too large fails here, as the server would only close the connection. */
  private _sendEvent(packet: Packet, now: boolean): void {
    for (const listener of [...this._anyOutgoing]) listener.apply(this, packet.data as [string]);
    try {
      this._send(packet);
    } catch (error) {
      const ack = this._acks.get(packet.id!);
      this._acks.delete(packet.id!);
      if (ack?._errorFirst) ack(error);
      else if (now) throw error;
      // The one who emitted it is not here any more.
      else console.error(error);
    }
  }

  private _send(packet: Omit<Packet, "nsp">): void {
    this.io._packet({ ...packet, nsp: this.nsp });
  }

  // At least once: one event at a time, until it is acknowledged

  private _enqueue(args: unknown[], flags: Flags): void {
    const last = args[args.length - 1];
    const ack = typeof last === "function" ? (args.pop() as Ack) : undefined;
    const event: QueuedEvent = { _args: args, _flags: { ...flags, _fromQueue: true }, _tries: 0, _pending: false };
    const settle: Ack = (error, ...answer) => {
      // After a reconnection there may be two answers to one event.
      if (event !== this._queue[0]) return;
      const isLost = (error as PayloadTooLargeError | undefined)?.maxPayload || event._tries > this._options.retries!;
      if (!error || isLost) {
        this._queue.shift();
        if (error) ack?.(error);
        else ack?.(null, ...answer);
      }
      event._pending = false;
      this._drainQueue();
    };
    settle._errorFirst = true;
    args.push(settle);
    this._queue.push(event);
    this._drainQueue();
  }

  private _drainQueue(force?: boolean): void {
    const [event] = this._queue;
    if (!event || !this.connected || (event._pending && !force)) return;
    event._pending = true;
    event._tries++;
    this._flags = event._flags;
    this._emit(event._args[0], event._args.slice(1));
  }

  // Receiving

  private _onOpen(): void {
    const connect = (auth?: Auth): void => {
      const pid = this._pid;
      // What is null or empty must not be sent.
      this._send({ type: PacketType.CONNECT, data: pid ? { pid, offset: this._lastOffset, ...auth } : auth || undefined });
    };
    if (typeof this.auth === "function") this.auth(connect);
    else connect(this.auth);
  }

  private _onPacket({ nsp, type, data, id }: Packet & { data?: Untyped }): void {
    if (nsp !== this.nsp) return;
    switch (type) {
      case PacketType.CONNECT:
        if (data?.sid) this._onConnect(data.sid, data.pid);
        else {
          this._tell("connect_error", new Error("the server speaks Socket.IO 2"));
        }
        break;
      case PacketType.EVENT:
      case PacketType.BINARY_EVENT:
        if (id !== undefined) data.push(this._ackOf(id));
        if (this.connected) this._deliver(data);
        else this.receiveBuffer.push(data);
        break;
      case PacketType.ACK:
      case PacketType.BINARY_ACK: {
        const ack = this._acks.get(id!);
        this._acks.delete(id!);
        ack?.apply(this, ack._errorFirst ? [null, ...data] : data);
        break;
      }
      case PacketType.DISCONNECT:
        this._destroy();
        this._onClose("io server disconnect");
        break;
      case PacketType.CONNECT_ERROR:
        this._destroy();
        // Servers that are not the official one send a text.
        this._tell(
          "connect_error",
          Object.assign(new Error(data.message ?? data), { data: data.data }),
        );
    }
  }

  /** Returns the function that acknowledges an event; only the first call counts. */
  private _ackOf(id: number): (...args: unknown[]) => void {
    let sent = false;
    return (...args) => {
      if (!sent) this._send({ type: PacketType.ACK, id, data: args });
      sent = true;
    };
  }

  private _deliver(args: unknown[]): void {
    for (const listener of [...this._any]) listener.apply(this, args as [string]);
    this._fire(args[0], args.slice(1));
    const last = args[args.length - 1];
    if (this._pid && args.length > 1 && typeof last === "string") this._lastOffset = last;
  }

  private _onConnect(id: string, pid?: string): void {
    this.id = id;
    this.recovered = !!pid && pid === this._pid;
    this._pid = pid;
    this.connected = true;
    // A listener may disconnect: what is left then waits for the next connection.
    for (let args; (args = this.receiveBuffer.shift()); ) this._deliver(args);
    for (let packet; this.connected && (packet = this.sendBuffer.shift()); ) this._sendEvent(packet, false);
    this._drainQueue(true);
    this._tell("connect");
  }

  /** Leaves the manager, which closes the connection if nobody else needs it. */
  private _destroy(): void {
    for (const unsubscribe of this._subscriptions ?? []) unsubscribe();
    this._subscriptions = undefined;
    this.io._destroy();
  }

  private _onClose(reason: DisconnectReason, details?: CloseDetails | Error): void {
    this.connected = false;
    this.id = undefined;
    this._tell("disconnect", reason, details);
    // No answer comes any more to what was sent; what waits to be sent may have one.
    for (const [id, ack] of [...this._acks]) {
      if (this.sendBuffer.some((packet) => packet.id === id)) continue;
      this._acks.delete(id);
      if (ack._errorFirst) ack.call(this, new Error("socket has been disconnected"));
    }
  }
}

Socket.prototype.open = Socket.prototype.connect;
Socket.prototype.close = Socket.prototype.disconnect;

/** Returns a list without a listener, or without all if none is given. */
function without(listeners: AnyEventListener[], listener?: AnyEventListener): AnyEventListener[] {
  return listener ? withoutFirst(listeners, (other) => other === listener) : [];
}
