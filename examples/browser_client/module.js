import { io, Manager } from "/socket.io/socket.io.esm.min.js";

const manager = new Manager({ reconnectionDelayMax: 10000 });
const news = manager.socket("/news");
const admin = manager.socket("/admin", { auth: { token: "abc" } });
