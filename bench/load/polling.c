// The HTTP long-polling transport, on two connections that are kept alive.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void request(channel *ch, const char *method, const void *body, size_t length) {
  client *c = ch->client;
  char head[512];
  int size = snprintf(head, sizeof head, "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n",
                      method, c->sid[0] ? "&sid=" : "", c->sid, opt.port);
  append(&ch->out, head, size);
  if (body) {
    size = snprintf(head, sizeof head, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n", length);
    append(&ch->out, head, size);
  }
  append(&ch->out, "\r\n", 2);
  append(&ch->out, body, body ? length : 0);
  ch->busy = true;
}

void polling_request(client *c) {
  c->stage = OPENING;
  request(&c->main, "GET", NULL, 0);
}

void polling_text(client *c, const char *text, size_t length) {
  if (c->pending.used) append(&c->pending, "\x1e", 1);
  append(&c->pending, text, length);
}

void polling_flush(client *c) {
  if (c->stage == FAILED || c->stage < JOINING) return;
  if (c->pending.used && !c->post.busy) {
    request(&c->post, "POST", c->pending.data, c->pending.used);
    c->pending.used = 0;
  }
  if (!c->main.busy) request(&c->main, "GET", NULL, 0);
}

static const char *header(const char *head, const char *name) {
  for (const char *line = strstr(head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
    if (!strncasecmp(line + 2, name, strlen(name))) return line + 2 + strlen(name);
  return NULL;
}

// Joins the chunks of a body in place. Returns the bytes that they took, 0 if they are not complete.
static size_t unchunk(uint8_t *body, size_t available, size_t *length) {
  size_t at = 0;
  *length = 0;
  for (;;) {
    uint8_t *line = memmem(body + at, available - at, "\r\n", 2);
    if (!line) return 0;
    size_t size = strtoul((char *)body + at, NULL, 16), start = line + 2 - body;
    if (start + size + 2 > available) return 0;
    if (!size) return start + 2;
    memmove(body + *length, body + start, size);
    *length += size;
    at = start + size + 2;
  }
}

static void payload(client *c, uint8_t *body, size_t length) {
  while (length) {
    uint8_t *end = memchr(body, 0x1e, length);
    size_t size = end ? (size_t)(end - body) : length;
    on_packet(c, body, size);
    if (!end) return;
    body += size + 1;
    length -= size + 1;
  }
}

// Chunks are joined in a copy: if they are not complete yet, the buffer must stay as it is.
static uint8_t scratch[1 << 20];

void polling_readable(channel *ch) {
  client *c = ch->client;
  buffer *in = &ch->in;
  uint8_t *end = in->used ? memmem(in->data, in->used, "\r\n\r\n", 4) : NULL;
  if (!end) return;
  char head[2048];
  size_t size = end + 4 - in->data, length = 0, taken = 0;
  if (size >= sizeof head) { fail(c, "a response with a huge head"); return; }
  memcpy(head, in->data, size);
  head[size] = 0;
  if (memcmp(head, "HTTP/1.1 200", 12)) { head[60] = 0; fail(c, head); return; }
  const char *counted = header(head, "content-length:"), *chunked = header(head, "transfer-encoding:");
  uint8_t *body = in->data + size;
  if (chunked) {
    if (in->used - size > sizeof scratch) { fail(c, "a response that is too large"); return; }
    memcpy(scratch, body, in->used - size);
    if (!(taken = unchunk(scratch, in->used - size, &length))) return;
    body = scratch;
  } else {
    taken = length = counted ? strtoul(counted, NULL, 10) : 0;
    if (in->used - size < length) return;
  }
  ch->busy = false;
  if (!ch->is_post) payload(c, body, length);
  if (c->stage != FAILED) consume(in, size + taken);
}
