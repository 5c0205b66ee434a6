// Sockets: connecting, reading, writing, with or without TLS.
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int poller = -1;
static SSL_CTX *tls;

void append(buffer *b, const void *data, size_t count) {
  if (b->used + count > b->capacity) {
    b->capacity = b->used + count < 512 ? 512 : 2 * (b->used + count);
    b->data = realloc(b->data, b->capacity);
  }
  if (data) memcpy(b->data + b->used, data, count);
  b->used += count;
}

void consume(buffer *b, size_t count) {
  b->used -= count;
  if (b->used) memmove(b->data, b->data + count, b->used);
  else if (opt.mode[0] == 'i') { free(b->data); *b = (buffer){0}; }  // thousands of idle clients need no buffers
}

void start_tls(void) {
  tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void watch(channel *ch, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (ch->wants_write ? EPOLLOUT : 0), .data.ptr = ch};
  epoll_ctl(poller, operation, ch->fd, &event);
}

void open_channel(client *c, channel *ch, bool is_post) {
  static int opened;
  if (poller < 0) poller = epoll_create1(0);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  // An address has 28,000 ports at least; loopback has many addresses.
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u + opened++ / 20000)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(opt.port), .sin_addr.s_addr = htonl(0x7f000001u)};
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, (void *)&from, sizeof from) || connect(fd, (void *)&to, sizeof to)) { perror("connect"); exit(1); }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  *ch = (channel){.client = c, .fd = fd, .is_post = is_post};
  if (tls) {
    ch->tls = SSL_new(tls);
    SSL_set_fd(ch->tls, fd);
    SSL_set_connect_state(ch->tls);
  }
  watch(ch, EPOLL_CTL_ADD);
}

void close_channel(channel *ch) {
  if (ch->fd > 0) close(ch->fd);
  ch->fd = -1;
}

void fail(client *c, const char *why) {
  if (c->stage == FAILED) return;
  if (errors++ < 5) fprintf(stderr, "client %d, stage %d: %s\n", c->number, c->stage, why);
  c->stage = FAILED;
  close_channel(&c->main);
  close_channel(&c->post);
}

static ssize_t transfer(channel *ch, void *data, size_t count, bool reads) {
  if (!ch->tls) return reads ? read(ch->fd, data, count) : send(ch->fd, data, count, MSG_NOSIGNAL);
  int result = reads ? SSL_read(ch->tls, data, count) : SSL_write(ch->tls, data, count);
  if (result > 0) return result;
  int error = SSL_get_error(ch->tls, result);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPIPE;
  return -1;
}

bool fill(channel *ch) {
  enum { ROOM = 8192 };
  buffer *in = &ch->in;
  // Twice what there is: the buffers of large messages soon have room for a whole one.
  if (in->capacity - in->used < ROOM) in->data = realloc(in->data, in->capacity = 2 * in->used + 2 * ROOM);
  ssize_t got = transfer(ch, in->data + in->used, in->capacity - in->used, true);
  if (got > 0) { in->used += got; return true; }
  if (got == 0) fail(ch->client, "the server has closed the connection");
  else if (errno != EAGAIN) fail(ch->client, strerror(errno));
  return false;
}

void drain(channel *ch) {
  buffer *out = &ch->out;
  while (out->used) {
    ssize_t put = transfer(ch, out->data, out->used, false);
    if (put < 0 && errno != EAGAIN) { fail(ch->client, strerror(errno)); return; }
    if (put < 0) break;
    consume(out, put);
  }
  bool wants = out->used > 0;
  if (wants != ch->wants_write) { ch->wants_write = wants; watch(ch, EPOLL_CTL_MOD); }
}

bool step(int milliseconds) {
  struct epoll_event events[512];
  int count = epoll_wait(poller, events, 512, milliseconds);
  for (int i = 0; i < count; i++) {
    channel *ch = events[i].data.ptr;
    client *c = ch->client;
    if (c->stage == FAILED) continue;
    if (events[i].events & EPOLLOUT) drain(ch);
    while (c->stage != FAILED && (events[i].events & ~EPOLLOUT)) {
      if (!fill(ch)) break;
      if (c->polls) polling_readable(ch); else websocket_readable(c);
      if (!ch->tls || !SSL_pending(ch->tls)) break;
    }
    // Everything that one read has caused leaves in one write.
    if (c->polls) polling_flush(c);
    if (c->stage != FAILED && c->main.out.used) drain(&c->main);
    if (c->stage != FAILED && c->polls && c->post.out.used) drain(&c->post);
  }
  return count > 0;
}
