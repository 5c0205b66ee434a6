import { type Binary, bytesOf, isBlob } from "./binary";

/** The packets of Engine.IO 4, in the order of their numbers. Source: the Engine.IO protocol, "Packet types". */
const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"] as const;

export type EnginePacketType = (typeof TYPES)[number] | "error";

export interface EnginePacket {
  type: EnginePacketType;
  data?: string | Binary;
}

/** What stands between the packets of a payload. */
export const SEPARATOR = "\x1e";

/** Encodes a packet for a transport that carries binary; of binary data nothing but the data. */
export function encodePacket({ type, data }: EnginePacket): string | Binary {
  return typeof data === "object" ? data : TYPES.indexOf(type as "open") + (data ?? "");
}

/** Encodes a packet as text. */
export async function encodeAsText(packet: EnginePacket): Promise<string> {
  const encoded = encodePacket(packet);
  if (typeof encoded === "string") return encoded;
  let text = "";
  for (const byte of bytesOf(isBlob(encoded) ? await encoded.arrayBuffer() : encoded)) text += String.fromCharCode(byte);
  return "b" + btoa(text);
}

/** Decodes what a transport received. What is no packet becomes one of the type "error". */
export function decodePacket(encoded: string | ArrayBuffer): EnginePacket {
  if (typeof encoded !== "string") return { type: "message", data: encoded };
  const data = encoded.slice(1);
  try {
    if (encoded[0] === "b") {
      return { type: "message", data: Uint8Array.from(atob(data), (character) => character.charCodeAt(0)).buffer };
    }
  } catch {
    // It was not base64.
  }
  const type = TYPES[encoded[0] as unknown as number];
  return type ? (data ? { type, data } : { type }) : { type: "error", data: "parser error" };
}
