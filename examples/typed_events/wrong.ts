import { io, type Socket } from "socket.io-client";

interface FromClient {
  move: (x: number, y: number) => void;
}

interface FromServer {
  moved: (id: string, position: { x: number; y: number }) => void;
}

const socket: Socket<FromServer, FromClient> = io();

socket.emit("mvoe", 1, 2);
socket.emit("move", 1, "2");
socket.on("moved", (id: number) => console.log(id));
