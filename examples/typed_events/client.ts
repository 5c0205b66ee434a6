import { io, type Socket } from "socket.io-client";

interface FromClient {
  rename: (name: string, answer: (done: boolean) => void) => void;
  move: (x: number, y: number) => void;
}

interface FromServer {
  moved: (id: string, position: { x: number; y: number }) => void;
  confirm: (question: string, answer: (yes: boolean) => void) => void;
}

const socket: Socket<FromServer, FromClient> = io();

socket.on("moved", (id, { x, y }) => {
  console.log(`${id} is at ${x}, ${y}`);
});

socket.on("confirm", (question, answer) => {
  answer(confirm(question));
});

export async function rename(name: string): Promise<boolean> {
  return await socket.timeout(5000).emitWithAck("rename", name);
}

export function move(x: number, y: number): void {
  socket.emit("move", x, y);
}
