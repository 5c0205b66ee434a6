// The limit: the least that a server must do for sioload, in C, on epoll, in one thread. It checks nothing.
// usage: limit_server --port PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 65536, BUFFER = 16384 };

typedef struct { int fd, open; size_t filled; uint8_t *data; } connection;
static connection *clients[MAX_CONNECTIONS];
static int highest;

// The accept value of the one key that sioload sends.
static const char UPGRADE[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static size_t frame(uint8_t *out, const uint8_t *payload, size_t length) {
  size_t head = 2;
  out[0] = 0x81;
  if (length < 126) out[1] = length;
  else { out[1] = 126; out[2] = length >> 8; out[3] = length; head = 4; }
  memcpy(out + head, payload, length);
  return head + length;
}

static void send_all(connection *c, const void *data, size_t length) {
  if (send(c->fd, data, length, MSG_NOSIGNAL) < 0) return; // the peer has gone; recv() will tell
}

static void send_text(connection *c, const char *text) {
  uint8_t out[512];
  send_all(c, out, frame(out, (const uint8_t *)text, strlen(text)));
}

static size_t on_message(connection *c, uint8_t *payload, size_t length, uint8_t *replies) {
  if (length >= 2 && payload[0] == '4' && payload[1] == '0') send_text(c, "40{\"sid\":\"abcdefghijklmnopqrst\"}");
  else if (length > 4 && payload[3] == '"' && payload[4] == 'b') {
    uint8_t out[BUFFER];
    size_t total = frame(out, payload, length);
    for (int fd = 0; fd <= highest; fd++) if (clients[fd] && clients[fd]->open) send_all(clients[fd], out, total);
  } else if (length > 3 && payload[0] == '4' && payload[2] == '[') return frame(replies, payload, length);
  else if (length > 11 && payload[0] == '4') { // 421["ack","…"] is answered 431["…"]
    memmove(payload + 4, payload + 10, length - 10);
    memcpy(payload, "431[", 4);
    return frame(replies, payload, length - 6);
  }
  return 0;
}

static void on_readable(connection *c) {
  ssize_t got = recv(c->fd, c->data + c->filled, BUFFER - c->filled, 0);
  if (got <= 0) { close(c->fd); clients[c->fd] = NULL; free(c->data); free(c); return; }
  c->filled += got;
  size_t at = 0;
  if (!c->open) {
    uint8_t *end = memmem(c->data, c->filled, "\r\n\r\n", 4);
    if (!end) return;
    send_all(c, UPGRADE, sizeof UPGRADE - 1);
    send_text(c, "0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    c->open = 1;
    at = end + 4 - c->data;
  }
  uint8_t replies[2 * BUFFER];
  size_t waiting = 0;
  for (;;) {
    uint8_t *b = c->data + at;
    size_t left = c->filled - at, head = 6;
    if (left < 6) break;
    size_t length = b[1] & 127;
    if (length == 126) { length = b[2] << 8 | b[3]; head = 8; }
    if (left < head + length) break;
    for (size_t i = 0; i < length; i++) b[head + i] ^= b[head - 4 + (i & 3)];
    waiting += on_message(c, b + head, length, replies + waiting);
    at += head + length;
  }
  if (waiting) send_all(c, replies, waiting);
  memmove(c->data, c->data + at, c->filled - at);
  c->filled -= at;
}

int main(int argc, char **argv) {
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(argc > 2 ? atoi(argv[2]) : 3000)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) { perror("listen"); return 1; }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[512];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, events, 512, -1);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) { on_readable(events[i].data.ptr); continue; }
      int fd = accept4(listener, NULL, NULL, 0);
      if (fd < 0 || fd >= MAX_CONNECTIONS) continue;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connection *c = calloc(1, sizeof *c);
      *c = (connection){.fd = fd, .data = malloc(BUFFER)};
      clients[fd] = c;
      if (fd > highest) highest = fd;
      event = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
      epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
  }
}
