/*! Antiphon, MIT */
interface BackoffOptions {
	/** Milliseconds before the first retry. */
	min: number;
	/** Milliseconds that no delay is longer than. */
	max: number;
	/** How much a delay is changed at random: 0.5 is half up or down. */
	jitter: number;
}
declare class Backoff {
	options: BackoffOptions;
	/** How many delays have been asked for. */
	attempts: number;
	constructor(options: BackoffOptions);
	/** Returns the next delay, in milliseconds. */
	duration(): number;
	/** Begins with the first delay again. */
	reset(): void;
}
type Untyped = ReturnType<typeof JSON.parse>;
/** Events by name; each one is the type of a function that takes its arguments. */
export interface EventsMap {
	[event: string]: Untyped;
}
/** Events that nobody has described. */
export interface DefaultEventsMap {
	[event: string]: (...args: Untyped[]) => void;
}
type NoEvents = Record<never, never>;
type EventNames<Events extends EventsMap> = keyof Events & (string | symbol);
type EventParams<Events extends EventsMap, Event extends EventNames<Events>> = Parameters<Events[Event]>;
type Listener<Reserved extends EventsMap, User extends EventsMap, Event extends EventNames<Reserved> | EventNames<User>> = Event extends EventNames<Reserved> ? Reserved[Event] : Event extends EventNames<User> ? User[Event] : never;
type AnyEventListener = (event: string, ...args: Untyped[]) => void;
type Last<Args extends unknown[]> = Args extends [
	...unknown[],
	infer Final
] ? Final : Untyped;
type AllButLast<Args extends unknown[]> = Args extends [
	...infer Head,
	unknown
] ? Head : Untyped[];
type Answer<Ack> = Ack extends (...args: infer Args) => void ? (Args extends [
	infer First,
	...unknown[]
] ? First : undefined) : Untyped;
type WithError<Value> = Value extends (...args: infer Args) => infer Result ? (error: Error, ...args: Args) => Result : Value;
type WithTimeout<Events extends EventsMap> = {
	[Event in keyof Events]: Events[Event] extends (...args: infer Args) => infer Result ? (...args: {
		[Index in keyof Args]: WithError<Args[Index]>;
	}) => Result : Events[Event];
};
type ParamsWithoutAck<Events extends EventsMap, Event extends EventNames<Events>> = AllButLast<EventParams<Events, Event>>;
type WithoutError<Args extends unknown[]> = Args extends [
	Error,
	...infer Rest
] ? Rest : Args;
type AckAnswer<Events extends EventsMap, Event extends EventNames<Events>> = Last<EventParams<Events, Event>> extends (...args: infer Args) => void ? Answer<(...args: WithoutError<Args>) => void> : Untyped;
declare class Emitter<Listen extends EventsMap, Emit extends EventsMap, Reserved extends EventsMap = NoEvents> {
	private _registered;
	/** Calls a function at every event of this name. */
	on<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event, listener: Listener<Reserved, Listen, Event>): this;
	/** Calls a function at the next event of this name. */
	once<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event, listener: Listener<Reserved, Listen, Event>): this;
	/** Removes a listener; all of an event, or all there are, if less is given. */
	off<Event extends EventNames<Reserved> | EventNames<Listen>>(event?: Event, listener?: Listener<Reserved, Listen, Event>): this;
	/** Calls the listeners of an event. */
	emit<Event extends EventNames<Emit>>(event: Event, ...args: EventParams<Emit, Event>): this;
	/** Returns the listeners of an event. */
	listeners<Event extends EventNames<Reserved> | EventNames<Listen>>(event: Event): Listener<Reserved, Listen, Event>[];
	/** Says whether an event has listeners. */
	hasListeners(event: EventNames<Reserved> | EventNames<Listen>): boolean;
	addEventListener: this["on"];
	removeListener: this["off"];
	removeEventListener: this["off"];
	removeAllListeners: this["off"];
	/** Emits an event of the library itself. Only for the library. */
	_tell<Event extends EventNames<Reserved>>(event: Event, ...args: EventParams<Reserved, Event>): void;
	/** Listens to an event of the library itself until the function that is returned is called. Only for the library. */
	_subscribe<Event extends EventNames<Reserved>>(event: Event, listener: Reserved[Event]): () => void;
	protected _fire(event: unknown, args: readonly unknown[]): void;
	private _of;
	private _remove;
	private _add;
}
type Binary = ArrayBuffer | ArrayBufferView | Blob;
declare const TYPES: readonly [
	"open",
	"close",
	"ping",
	"pong",
	"message",
	"upgrade",
	"noop"
];
type EnginePacketType = (typeof TYPES)[number] | "error";
interface EnginePacket {
	type: EnginePacketType;
	data?: string | Binary;
}
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
interface TransportOptions extends EngineOptions {
	/** Scheme, host and port; the scheme is that of the page, or what the user has written. */
	source: string;
	path: string;
}
type Query = Record<string, string>;
/** One way to reach the server. */
export declare abstract class Transport extends Emitter<NoEvents, NoEvents, TransportEvents> {
	readonly opts: TransportOptions;
	readonly query: Query;
	/** What the server calls it. */
	abstract get name(): string;
	/** Whether packets can be written now. */
	writable: boolean;
	readyState: string;
	constructor(opts: TransportOptions, query: Query);
	open(): void;
	close(): void;
	send(packets: EnginePacket[]): void;
	/** Calls back when nothing is on its way any more, so that another transport can take over. */
	_pause(onPause: () => void): void;
	/** Goes on after all: nothing has taken over. */
	_resume(): void;
	protected abstract _doOpen(): void;
	protected abstract _doClose(): void;
	protected abstract _write(packets: EnginePacket[]): void;
	protected _onOpen(): void;
	protected _onError(reason: string, description: unknown, context?: unknown): void;
	protected _onData(data: string | ArrayBuffer): void;
	protected _onClose(details?: CloseDetails): void;
	protected _uri(scheme: string, timestamp: boolean): string;
}
export type TransportName = "polling" | "websocket" | "webtransport";
type TransportClass = new (options: TransportOptions, query: Query) => Transport;
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
	transportOptions?: {
		[Name in TransportName]?: Untyped;
	};
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
/** Why an upgrade failed: the message names the transport and the cause. */
export interface UpgradeError extends Error {
	transport: string;
}
interface EngineEvents {
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
export declare class Engine extends Emitter<EngineEvents, EngineEvents, EngineEvents> {
	/** The name of the session; empty until there is one. */
	id: string;
	readyState: "opening" | "open" | "closing" | "closed";
	/** What is in use: its `name` says which it is. */
	transport: Transport | undefined;
	/** The names of the transports that may be used, in this order. */
	readonly transports: string[];
	readonly opts: TransportOptions;
	/** What has not been taken by the transport yet. */
	writeBuffer: EnginePacket[];
	/** Whether another transport is about to take over. */
	upgrading: boolean;
	/** Why the last upgrade failed, if one did: the message and the name of the transport. */
	upgradeError: UpgradeError | undefined;
	private readonly _classes;
	private readonly _query;
	private readonly _cleanups;
	private _stopPingTimer;
	private _pingDelay;
	private _pingDeadline;
	private _maxPayload;
	private _inFlight;
	constructor(uri: string | undefined, options: EngineOptions);
	/** Sends a message. */
	send(data: string | Binary): this;
	write: this["send"];
	/** Closes the session when all that was sent is on its way. */
	close(): this;
	private _closeWhenIdle;
	/** Says whether the server has been silent for too long, although the timer has not fired yet: it may have slept. */
	_hasPingExpired(): boolean;
	/** Throws if the server would not take a message. */
	_checkSize(data: string | Binary): void;
	private _open;
	private _create;
	private _setTransport;
	private _onHandshake;
	/** Tries a transport, and changes over to it if it works. */
	private _probe;
	private _onPacket;
	private _expectPing;
	private _sendPacket;
	private _flush;
	/** Returns the size of a packet in bytes, as the transport would send it. */
	private _encodedSize;
	private _onDrain;
	private _onError;
	private _onClose;
}
declare enum PacketType {
	CONNECT = 0,
	DISCONNECT = 1,
	EVENT = 2,
	ACK = 3,
	CONNECT_ERROR = 4,
	BINARY_EVENT = 5,
	BINARY_ACK = 6
}
interface Packet {
	type: PacketType;
	nsp: string;
	data?: unknown;
	id?: number;
	attachments?: number;
	options?: {
		compress?: boolean;
	};
}
interface Parser {
	Encoder: new () => Encoder;
	Decoder: new () => Decoder;
}
interface Encoder {
	encode(packet: Packet): (string | ArrayBuffer | ArrayBufferView | Blob)[];
}
interface Decoder {
	/** Takes a message; throws if it is none. */
	add(message: string | ArrayBuffer): void;
	/** Forgets what is not complete. */
	destroy(): void;
	on(event: "decoded", listener: (packet: Packet) => void): unknown;
}
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
export type DisconnectReason = "io server disconnect" | "io client disconnect" | "ping timeout" | "transport close" | "transport error" | "parse error" | "forced close";
interface SocketEvents {
	connect: () => void;
	connect_error: (error: Error & {
		data?: Untyped;
		description?: Untyped;
		context?: Untyped;
	}) => void;
	disconnect: (reason: DisconnectReason, details?: CloseDetails | Error) => void;
}
/** One namespace of a connection. Source: `socket.io-client`, socket.ts. */
export declare class Socket<ListenEvents extends EventsMap = DefaultEventsMap, EmitEvents extends EventsMap = ListenEvents> extends Emitter<ListenEvents, EmitEvents, SocketEvents> {
	readonly io: Manager;
	readonly nsp: string;
	private readonly _options;
	/** Changes with every connection, unless it is recovered; undefined while there is none. */
	id: string | undefined;
	connected: boolean;
	/** Whether the server has restored id, rooms and what was missed. */
	recovered: boolean;
	auth: SocketOptions["auth"];
	/** What came before the connection to the namespace was confirmed. */
	receiveBuffer: unknown[][];
	/** What was emitted while there was no connection. */
	sendBuffer: Packet[];
	private _subscriptions;
	private _flags;
	private _nextId;
	private readonly _acks;
	private readonly _queue;
	private _any;
	private _anyOutgoing;
	/** For the recovery of the connection: what the server has called the session, and the last event that came. */
	private _pid;
	private _lastOffset;
	constructor(io: Manager, nsp: string, _options?: SocketOptions);
	get disconnected(): boolean;
	/** Whether the socket connects again by itself. */
	get active(): boolean;
	/** Connects, if it does not do so by itself. */
	connect(): this;
	open: this["connect"];
	/** Disconnects; it does not connect again by itself. */
	disconnect(): this;
	close: this["disconnect"];
	/** Emits an event named "message". */
	send(...args: Untyped[]): this;
	/**
	 * Emits an event to the server. If the last argument is a function, it is called with the acknowledgement.
	 *
	 * Throws if the name is reserved, and if the server would not take so much.
	 */
	emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): this;
	/** Emits an event and returns the acknowledgement; it fails when the time that was given is over. */
	emitWithAck<Event extends EventNames<EmitEvents>>(event: Event, ...args: ParamsWithoutAck<EmitEvents, Event>): Promise<AckAnswer<EmitEvents, Event>>;
	/** Sets whether the next event may be compressed. */
	compress(value: boolean): this;
	/** The next event is dropped if it cannot be sent now. */
	get volatile(): this;
	/** Sets how many milliseconds the next event waits for its acknowledgement, which is then told of an error first. */
	timeout(milliseconds: number): Socket<ListenEvents, WithTimeout<EmitEvents>>;
	/** Calls a function at every event that comes. */
	onAny(listener: AnyEventListener): this;
	/** The same, before those that are there. */
	prependAny(listener: AnyEventListener): this;
	/** Removes such a function, or all. */
	offAny(listener?: AnyEventListener): this;
	listenersAny(): AnyEventListener[];
	/** Calls a function at every event that is sent. */
	onAnyOutgoing(listener: AnyEventListener): this;
	/** The same, before those that are there. */
	prependAnyOutgoing(listener: AnyEventListener): this;
	/** Removes such a function, or all. */
	offAnyOutgoing(listener?: AnyEventListener): this;
	listenersAnyOutgoing(): AnyEventListener[];
	private _emit;
	private _expectAck;
	/** Sends an event; what is too large fails here, as the server would only close the connection. */
	private _sendEvent;
	private _send;
	private _enqueue;
	private _drainQueue;
	private _onOpen;
	private _onPacket;
	/** Returns the function that acknowledges an event; only the first call counts. */
	private _ackOf;
	private _deliver;
	private _onConnect;
	/** Leaves the manager, which closes the connection if nobody else needs it. */
	private _destroy;
	private _onClose;
}
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
/** Keeps a connection to a server, for any number of namespaces. Source: `socket.io-client`, manager.ts. */
export declare class Manager<ListenEvents extends EventsMap = DefaultEventsMap, EmitEvents extends EventsMap = ListenEvents> extends Emitter<NoEvents, NoEvents, ManagerEvents> {
	readonly opts: ManagerOptions;
	readonly uri: string | undefined;
	/** The connection: `engine.transport.name` says how it is made. */
	engine: Engine;
	/** The sockets by namespace. */
	readonly nsps: Record<string, Socket<ListenEvents, EmitEvents>>;
	readonly backoff: Backoff;
	readonly encoder: Encoder;
	readonly decoder: Decoder;
	_readyState: "closed" | "opening" | "open";
	_reconnecting: boolean;
	readonly _autoConnect: boolean;
	private readonly _settings;
	private _skipReconnect;
	private _cleanups;
	constructor(options?: ManagerOptions);
	constructor(uri?: string, options?: ManagerOptions);
	/** Whether to reconnect. */
	reconnection(): boolean;
	reconnection(value: boolean): this;
	/** How often to try. */
	reconnectionAttempts(): number;
	reconnectionAttempts(value: number): this;
	/** Milliseconds before the first attempt. */
	reconnectionDelay(): number;
	reconnectionDelay(value: number): this;
	/** Milliseconds that no delay is longer than. */
	reconnectionDelayMax(): number;
	reconnectionDelayMax(value: number): this;
	/** How much a delay is changed at random. */
	randomizationFactor(): number;
	randomizationFactor(value: number): this;
	/** Milliseconds that a connection may take. */
	timeout(): number | false;
	timeout(value: number | false): this;
	/** Connects; the callback is told of the first outcome, and then there are no further attempts. */
	open(callback?: (error?: Error) => void): this;
	connect: this["open"];
	/** Returns the socket of a namespace. */
	socket(nsp: string, options?: SocketOptions): Socket<ListenEvents, EmitEvents>;
	/** Sends a packet; throws if the server would not take it. */
	_packet(packet: Packet): void;
	/** Closes the connection if no socket needs it any more. */
	_destroy(): void;
	_close(): void;
	private _setting;
	private _onOpen;
	private _cleanup;
	private _onClose;
	private _reconnect;
}
/** Everything that `io()` takes. Source: client-options.md. */
export interface Options extends ManagerOptions, SocketOptions {
	/** Make a connection of its own. Default: false. */
	forceNew?: boolean;
	/** Use one connection for several namespaces. Default: true. */
	multiplex?: boolean;
	"force new connection"?: boolean;
}
/**
 * Returns a socket that connects to a server; by default to that of the page. The path of the URL is the namespace.
 *
 * Sockets of several namespaces of one server share a connection. Source: client-api.md, "io([url][, options])".
 */
export declare function io(options?: Options): Socket;
export declare function io(uri?: string | null, options?: Options | null): Socket;
/** HTTP long-polling, by `fetch`. Source: the Engine.IO protocol, "HTTP long-polling". */
declare class Polling extends Transport {
	private _isPolling?;
	private _onPause?;
	get name(): string;
	_pause(onPause: () => void): void;
	_resume(): void;
	protected _doOpen(): void;
	protected _doClose(): void;
	protected _write(packets: EnginePacket[]): void;
	private _checkPause;
	private _poll;
	private _onPayload;
	/** Tells of an error; its context is that of the request, with the response if there was one. */
	private _fail;
	/** Sends a request and returns the body of the response, which must be a good one. */
	private _request;
}
/** Source: the Engine.IO protocol, "WebSocket". */
declare class WS extends Transport {
	private _ws;
	get name(): string;
	protected _doOpen(): void;
	protected _doClose(): void;
	protected _write(packets: EnginePacket[]): void;
	private _sendAll;
}
/** One bidirectional stream of HTTP/3. Source: the Engine.IO protocol, "WebTransport". */
declare class WT extends Transport {
	private _connection;
	private _writer;
	get name(): string;
	protected _doOpen(): void;
	protected _doClose(): void;
	protected _write(packets: EnginePacket[]): void;
	private _fail;
	private _connect;
	/** Takes frames out of the stream until it ends. */
	private _read;
}
/** The revision of the Socket.IO protocol. */
export declare const protocol = 5;

export {
	Polling as Fetch,
	Polling as NodeXHR,
	Polling as XHR,
	WS as NodeWebSocket,
	WS as WebSocket,
	WT as WebTransport,
	io as connect,
	io as default,
};

export {};
