/** Bytes as events may contain them. */
export type Binary = ArrayBuffer | ArrayBufferView | Blob;

/** Says whether a value is bytes: an ArrayBuffer, a view of one, a Blob or a File. */
export function isBinary(value: unknown): value is Binary {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) || isBlob(value);
}

export function isBlob(value: unknown): value is Blob {
  return value instanceof Blob;
}

/** Returns the bytes of a buffer or of a view. */
export function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

/** Returns a text in UTF-8. */
export function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Returns the size of a text in UTF-8, or of bytes. */
export function sizeOf(data: string | Binary): number {
  return typeof data === "string" ? toBytes(data).length : isBlob(data) ? data.size : data.byteLength;
}
