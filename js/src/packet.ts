/** The packets of Socket.IO 5. Source: the Socket.IO protocol, "Packet types". */
export enum PacketType {
  CONNECT,
  DISCONNECT,
  EVENT,
  ACK,
  CONNECT_ERROR,
  BINARY_EVENT,
  BINARY_ACK,
}

export interface Packet {
  type: PacketType;
  nsp: string;
  data?: unknown;
  id?: number;
  attachments?: number;
  options?: { compress?: boolean };
}

/** What turns packets into messages and back. The official interface: `socket.io-parser` has it, too. */
export interface Parser {
  Encoder: new () => Encoder;
  Decoder: new () => Decoder;
}

export interface Encoder {
  encode(packet: Packet): (string | ArrayBuffer | ArrayBufferView | Blob)[];
}

export interface Decoder {
  /** Takes a message; throws if it is none. */
  add(message: string | ArrayBuffer): void;
  /** Forgets what is not complete. */
  destroy(): void;
  on(event: "decoded", listener: (packet: Packet) => void): unknown;
}

const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/** Says whether no client may emit an event of this name. */
export function isReserved(event: unknown): boolean {
  return RESERVED.includes(event as string);
}

/** What the data of a packet may be, by its type. */
const KINDS = ["undefined object", "undefined", "array", "array", "string object", "array", "array"];

/** Says whether a packet is what its type allows. Source: `socket.io-parser`, `isPayloadValid`. */
export function isValid({ type, data }: Packet): boolean {
  const isEvent = type === PacketType.EVENT || type === PacketType.BINARY_EVENT;
  const kind = Array.isArray(data) ? "array" : data === null ? "null" : typeof data;
  if (!KINDS[type]?.includes(kind)) return false;
  const [name] = isEvent ? (data as unknown[]) : [0];
  return typeof name === "number" || (typeof name === "string" && !isReserved(name));
}
