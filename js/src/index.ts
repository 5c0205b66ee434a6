/** The client, as `import { io } from "..."` sees it. Source: `socket.io-client`, index.ts. */

export { io, io as connect, io as default, type Options } from "./io";
export { Manager, type ManagerOptions } from "./manager";
export { Socket, type DisconnectReason, type SocketOptions } from "./socket";
export type { Engine, PayloadTooLargeError, UpgradeError } from "./engine";
export type { CloseDetails, Transport, TransportError } from "./transport";
export { Polling as Fetch, Polling as XHR, Polling as NodeXHR } from "./transports/polling";
export { WS as WebSocket, WS as NodeWebSocket } from "./transports/websocket";
export { WT as WebTransport } from "./transports/webtransport";
export type { EngineOptions, TransportName } from "./options";
export type { DefaultEventsMap, EventsMap } from "./types";

/** The revision of the Socket.IO protocol. */
export const protocol = 5;
