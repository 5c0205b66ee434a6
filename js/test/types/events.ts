/** What the types accept and refuse: each line below an "expect-error" must be one, all others must not. */

import { io, Manager, type DefaultEventsMap, type DisconnectReason, Socket } from "socket.io-client";

interface FromServer {
  none: () => void;
  basic: (a: number, b: string, c: ArrayBuffer) => void;
  withAck: (question: string, answer: (yes: boolean) => void) => void;
}

interface FromClient {
  hello: () => void;
  move: (x: number, y?: number) => void;
  ask: (question: string, answer: (text: string, more: number) => void) => void;
  tell: (text: string, done: () => void) => void;
}

const socket: Socket<FromServer, FromClient> = io("http://localhost", { auth: { token: "x" } });
const untyped: Socket = io();
const manager: Manager<FromServer, FromClient> = new Manager("http://localhost", { reconnectionDelay: 5 });
export const admin: Socket<FromServer, FromClient> = manager.socket("/admin", { auth: (give) => give({ a: 1 }) });

// Events that come

socket.on("none", () => {});
socket.on("basic", (a, b, c) => [a.toFixed(), b.trim(), c.byteLength]);
socket.once("withAck", (question, answer) => answer(question.length > 1));
socket.off("basic").off();
// @ts-expect-error the name is wrong
socket.on("nnoe", () => {});
// @ts-expect-error an argument has another type
socket.on("basic", (a: string) => a);
// @ts-expect-error the answer has another type
socket.on("withAck", (_question, answer) => answer("yes"));
// @ts-expect-error the event goes the other way
socket.on("hello", () => {});

// Events of the library

socket.on("connect", () => {});
socket.on("connect_error", (error) => [error.message.trim(), error.data, error.description]);
socket.on("disconnect", (reason: DisconnectReason, details) => [reason === "io server disconnect", details]);
// @ts-expect-error there is no such reason
socket.on("disconnect", (reason) => reason === "boredom");
socket.io.on("reconnect", (attempt) => attempt.toFixed());
// @ts-expect-error it is a number
socket.io.on("reconnect_attempt", (attempt: string) => attempt);
// @ts-expect-error nobody may emit it
socket.emit("connect");

// Events that go

socket.emit("hello").emit("move", 1).emit("move", 1, 2);
socket.emit("ask", "why?", (text, more) => [text.trim(), more.toFixed()]);
socket.volatile.compress(true).emit("hello");
socket.timeout(5).emit("ask", "why?", (error: Error, text, more) => [error.message, text.trim(), more.toFixed()]);
// @ts-expect-error the name is wrong
socket.emit("helo");
// @ts-expect-error there is nothing to give
socket.emit("hello", 1);
// @ts-expect-error an argument has another type
socket.emit("move", "1");
// @ts-expect-error an argument is missing
socket.emit("move");
// @ts-expect-error the answer has another type
socket.emit("ask", "why?", (text: number) => text);
// @ts-expect-error with a timeout, the error comes first
socket.timeout(5).emit("ask", "why?", (text: string) => text);

// Acknowledgements that are awaited

export async function answers(): Promise<[string, string, undefined]> {
  const plain: string = await socket.emitWithAck("ask", "why?");
  const timed: string = await socket.timeout(5).emitWithAck("ask", "why?");
  const nothing: undefined = await socket.emitWithAck("tell", "this");
  // @ts-expect-error the answer has another type
  const wrong: number = await socket.emitWithAck("ask", "why?");
  // @ts-expect-error an argument has another type
  await socket.emitWithAck("ask", 5);
  return [plain + wrong, timed, nothing];
}

// Events that nobody has described

untyped.on("anything", (a, b: string, ...rest) => [a.b.c, b.trim(), rest.length]);
untyped.emit("anything", 1, "two", new Uint8Array(), (answer: string) => answer);
export const later: Promise<string> = untyped.emitWithAck("anything", 1);
untyped.onAny((event, first) => [event.trim(), first.x]);
// @ts-expect-error a name is text
untyped.emit(5);

// The rest

export const facts: [boolean, string | undefined, boolean, DefaultEventsMap | undefined] = [
  socket.connected && socket.active && socket.recovered,
  socket.id,
  socket instanceof Socket,
  undefined,
];
export const name: string | undefined = socket.io.engine.transport?.name;
// @ts-expect-error it cannot be set
socket.disconnected = true;
// @ts-expect-error there is no such option
io("http://localhost", { reconection: true });
// @ts-expect-error there is no such transport
io("http://localhost", { transports: ["smoke"] });
