// A load generator for Socket.IO servers: one thread, epoll, WebSocket and HTTP long-polling.
#pragma once
#define _GNU_SOURCE
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int port, connections, in_flight, payload, rooms;
  double seconds, warm, rate;
  const char *mode, *data, *event, *nsp, *transport;
  bool tls, deflate, spin, whole;
} options;

// Bytes that were read and not used yet, or are to be written.
typedef struct { uint8_t *data; size_t used, capacity; } buffer;

typedef enum { CONNECTING, UPGRADING, OPENING, JOINING, JOINED, FAILED } stage;

struct client;

// A TCP connection, perhaps with TLS. A polling client has two: one polls, the other posts.
typedef struct {
  struct client *client;
  SSL *tls;
  int fd;
  bool is_post, busy, wants_write;
  buffer in, out;
} channel;

typedef struct client {
  channel main, post;
  buffer pending;        // packets that wait for the post before them
  stage stage;
  int number, room;
  bool polls;
  void *inflater;
  unsigned sent, answered;
  uint64_t *sent_at;     // when each event in flight was sent: a ring
  char sid[80];
} client;

extern options opt;
extern client *clients;
extern int joined;
extern bool running;
extern uint64_t received, errors;

uint64_t now(void);
void append(buffer *b, const void *data, size_t count);
void consume(buffer *b, size_t count);
void fail(client *c, const char *why);

// channel.c
void open_channel(client *c, channel *ch, bool is_post);
void close_channel(channel *ch);
bool fill(channel *ch);   // reads once; false if there was nothing
void drain(channel *ch);  // writes what it has
void start_tls(void);
bool step(int milliseconds);  // lets the clients act; false if nothing happened

// websocket.c
void websocket_request(client *c);
void websocket_readable(client *c);
void websocket_text(client *c, const char *text, size_t length);
void websocket_deflated(buffer *out, const char *text, size_t length);
void websocket_frame(buffer *out, uint8_t first, const void *payload, size_t length);

// polling.c
void polling_request(client *c);
void polling_readable(channel *ch);
void polling_flush(client *c);
void polling_text(client *c, const char *text, size_t length);

// workload.c
void prepare_events(void);
void on_packet(client *c, const uint8_t *packet, size_t length);
void on_binary(client *c);
void send_event(client *c);
void begin_load(void);
void pace(uint64_t time);
void reset_measure(void);
void report(double seconds, double idle);
