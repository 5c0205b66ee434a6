// The WebSocket transport: RFC 6455, and as much of RFC 7692 as is needed to ask for it.
#include "load.h"
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const uint8_t MASK[4] = {0x12, 0x9a, 0x5c, 0x77};

void websocket_frame(buffer *out, uint8_t first, const void *payload, size_t length) {
  uint8_t head[14] = {first};
  size_t size = 2;
  if (length < 126) head[1] = 0x80 | length;
  else if (length < 65536) { head[1] = 0x80 | 126; head[2] = length >> 8; head[3] = length; size = 4; }
  else { head[1] = 0x80 | 127; uint64_t big = htobe64(length); memcpy(head + 2, &big, 8); size = 10; }
  memcpy(head + size, MASK, 4);
  append(out, head, size + 4);
  size_t start = out->used;
  append(out, payload, length);
  for (size_t i = 0; i < length; i++) out->data[start + i] ^= MASK[i & 3];
}

void websocket_text(client *c, const char *text, size_t length) { websocket_frame(&c->main.out, 0x81, text, length); }

void websocket_deflated(buffer *out, const char *text, size_t length) {
  uint8_t *packed = malloc(length + 256);
  z_stream z = {.next_in = (uint8_t *)text, .avail_in = length, .next_out = packed, .avail_out = length + 256};
  deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  deflate(&z, Z_SYNC_FLUSH);
  // The last four bytes are understood: RFC 7692, section 7.2.1.
  websocket_frame(out, 0xc1, packed, z.total_out - 4);
  deflateEnd(&z);
  free(packed);
}

void websocket_request(client *c) {
  char request[640];
  int length = snprintf(request, sizeof request,
                        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        opt.port, opt.deflate ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n" : "");
  append(&c->main.out, request, length);
  c->stage = UPGRADING;
}

static size_t finish_upgrade(client *c) {
  buffer *in = &c->main.in;
  uint8_t *end = memmem(in->data, in->used, "\r\n\r\n", 4);
  if (!end) return 0;
  if (memcmp(in->data, "HTTP/1.1 101", 12)) { fail(c, "the handshake was refused"); return 0; }
  size_t size = end + 4 - in->data;
  if (opt.deflate && !memmem(in->data, size, "permessage-deflate", 18)) { fail(c, "no permessage-deflate"); return 0; }
  c->stage = OPENING;
  return size;
}

// One message, inflated; NULL if it is none.
static const uint8_t *inflated(client *c, const uint8_t *data, uint64_t *length) {
  static uint8_t output[1 << 20];
  static const uint8_t end[4] = {0, 0, 0xff, 0xff};
  if (!c->inflater) {
    c->inflater = calloc(1, sizeof(z_stream));
    inflateInit2(c->inflater, -15);
  }
  z_stream *z = c->inflater;
  z->next_out = output;
  z->avail_out = sizeof output;
  const uint8_t *parts[] = {data, end};
  const uint64_t sizes[] = {*length, 4};
  for (int i = 0; i < 2; i++) {
    z->next_in = (uint8_t *)parts[i];
    z->avail_in = sizes[i];
    int result = inflate(z, Z_SYNC_FLUSH);
    if (result != Z_OK && result != Z_BUF_ERROR) return NULL;
  }
  *length = sizeof output - z->avail_out;
  return output;
}

static void on_text(client *c, const uint8_t *text, uint64_t length, bool compressed) {
  if (compressed && !(text = inflated(c, text, &length))) fail(c, "a message that cannot be inflated");
  else on_packet(c, text, length);
}

void websocket_readable(client *c) {
  buffer *in = &c->main.in;
  size_t at = 0;
  if (c->stage == UPGRADING && !(at = finish_upgrade(c))) return;
  while (c->stage != FAILED && in->used - at >= 2) {
    uint8_t *frame = in->data + at;
    size_t left = in->used - at, size = 2;
    uint64_t length = frame[1] & 127;
    if (length == 126) {
      if (left < 4) break;
      length = frame[2] << 8 | frame[3];
      size = 4;
    } else if (length == 127) {
      if (left < 10) break;
      memcpy(&length, frame + 2, 8);
      length = be64toh(length);
      size = 10;
    }
    if (left < size + length) break;
    switch (frame[0] & 15) {
      case 1: on_text(c, frame + size, length, frame[0] & 0x40); break;
      case 2: on_binary(c); break;
      case 8: fail(c, "the server has sent a close frame"); break;
      case 9: websocket_frame(&c->main.out, 0x8a, frame + size, length); break;
      default: fail(c, "an unexpected frame");
    }
    at += size + length;
  }
  if (c->stage != FAILED) consume(in, at);
}
