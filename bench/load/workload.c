// What the clients say: Engine.IO and Socket.IO packets, the events of each workload, and what is measured.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 1024, LONGEST = 4000000 };  // events in flight of one client; microseconds

static buffer event_text, event_frames;  // the event as a packet, and as finished frames
static char event_name[64], nsp[64];
static uint32_t *latencies;  // how many events took so many microseconds
static uint64_t slow, pace_start, paced;
static int reached;  // how many have had the broadcast that is under way

static void send_text(client *c, const char *text) {
  if (c->polls) polling_text(c, text, strlen(text)); else websocket_text(c, text, strlen(text));
}

// A text of the asked size, or an object such as applications send.
static void append_data(buffer *b) {
  if (!strcmp(opt.data, "json")) {
    char item[256];
    append(b, "{\"items\":[", 10);
    for (int i = 0, start = b->used; (int)b->used - start < opt.payload; i++) {
      int size = snprintf(item, sizeof item,
                          "%s{\"id\":%d,\"name\":\"item number %d\",\"price\":%d.25,\"tags\":[\"red\",\"small\"],\"stock\":null,\"sold\":%s}",
                          i ? "," : "", 1000 + i, i, i * 7 % 90, i % 2 ? "true" : "false");
      append(b, item, size);
    }
    append(b, "]}", 2);
  } else if (!strcmp(opt.data, "binary")) {
    append(b, "{\"_placeholder\":true,\"num\":0}", 29);
  } else {
    append(b, "\"", 1);
    for (int i = 0; i < opt.payload; i++) append(b, "x", 1);
    append(b, "\"", 1);
  }
}

void prepare_events(void) {
  char lead[160];
  bool binary = !strcmp(opt.data, "binary"), ack = !strcmp(opt.mode, "ack");
  if (opt.nsp[1]) snprintf(nsp, sizeof nsp, "%s,", opt.nsp);
  snprintf(event_name, sizeof event_name, "%s", opt.event ? opt.event : opt.mode);
  int size = snprintf(lead, sizeof lead, "4%s%s%s[\"%s\",", binary ? "51-" : "2", nsp, ack ? "1" : "", event_name);
  append(&event_text, lead, size);
  append_data(&event_text);
  append(&event_text, "]", 1);
  if (opt.deflate && event_text.used > 1024) websocket_deflated(&event_frames, (char *)event_text.data, event_text.used);
  else websocket_frame(&event_frames, 0x81, event_text.data, event_text.used);
  if (binary) websocket_frame(&event_frames, 0x82, calloc(1, opt.payload), opt.payload);
  latencies = calloc(LONGEST, sizeof *latencies);
}

static void send_event_of(client *c, uint64_t time) {
  if (!c->sent_at) c->sent_at = malloc(RING * sizeof *c->sent_at);
  c->sent_at[c->sent++ % RING] = time;
  if (c->polls) polling_text(c, (char *)event_text.data, event_text.used);
  else append(&c->main.out, event_frames.data, event_frames.used);
}

void send_event(client *c) { send_event_of(c, now()); }

// In a broadcast one client speaks, in each room the first; otherwise all do.
static bool speaks(client *c) {
  if (opt.mode[0] == 'b') return c->number == 0;
  if (opt.mode[0] == 'r') return c->number < opt.rooms;
  return true;
}

static void on_answer(client *c) {
  if (c->sent == c->answered) return;
  uint64_t time = (now() - c->sent_at[c->answered++ % RING]) / 1000;
  if (time < LONGEST) latencies[time]++; else slow++;
  if (!opt.rate) send_event(c);
}

static void on_event(client *c) {
  if (!running) return;
  received++;
  if (opt.whole) {
    if (++reached < joined) return;
    reached = 0;
    on_answer(&clients[0]);
    drain(&clients[0].main);
  } else if (speaks(c)) on_answer(c);
}

static void on_joined(client *c) {
  c->stage = JOINED;
  joined++;
}

void on_packet(client *c, const uint8_t *packet, size_t length) {
  if (!length) return;
  size_t lead = 2 + strlen(nsp);
  if (packet[0] == '2') send_text(c, "3");
  else if (packet[0] == '6') return;
  else if (packet[0] == '0' && c->stage == OPENING) {
    const char *sid = memmem(packet, length, "\"sid\":\"", 7);
    if (sid && c->polls) sscanf(sid + 7, "%79[^\"]", c->sid);
    c->stage = JOINING;
    char text[128];
    snprintf(text, sizeof text, "40%s{\"token\":\"secret\"}", nsp);
    send_text(c, text);
  } else if (c->stage == JOINING && packet[0] == '4' && packet[1] == '0') {
    if (!opt.rooms) { on_joined(c); return; }
    char text[128];
    snprintf(text, sizeof text, "420[\"join\",\"room %d\"]", c->number % opt.rooms);
    send_text(c, text);
  } else if (c->stage == JOINING && packet[0] == '4' && packet[1] == '3') on_joined(c);
  else if (c->stage == JOINED && length > lead && packet[0] == '4' && (packet[1] == '2' || packet[1] == '3')) on_event(c);
  else if (c->stage == JOINED && packet[0] == '4' && packet[1] == '5') return;  // its attachment follows
  else fail(c, "an unexpected packet");
}

void on_binary(client *c) {
  if (c->stage == JOINED) on_event(c); else fail(c, "unexpected binary data");
}

static void send_now(client *c) {
  if (c->polls) polling_flush(c);
  drain(&c->main);
  if (c->polls) drain(&c->post);
}

void begin_load(void) {
  running = true;
  pace_start = now();
  if (opt.rate) return;
  for (int i = 0; i < opt.connections; i++) {
    client *c = &clients[i];
    if (c->stage != JOINED || !speaks(c)) continue;
    for (int k = 0; k < opt.in_flight; k++) send_event(c);
    send_now(c);
  }
}

// Sends what is due at a fixed rate. Latencies count from when an event was due, whether or not it could be sent then.
void pace(uint64_t time) {
  uint64_t interval = 1e9 / opt.rate;
  for (uint64_t due; (due = pace_start + paced * interval) <= time; paced++) {
    client *c = &clients[paced % opt.connections];
    if (c->stage != JOINED) continue;
    if (c->sent - c->answered >= RING) { slow++; continue; }
    send_event_of(c, due);
    send_now(c);
  }
}

void reset_measure(void) {
  received = slow = 0;
  memset(latencies, 0, LONGEST * sizeof *latencies);
}

static unsigned percentile(double share) {
  uint64_t total = slow, sum = 0;
  for (int i = 0; i < LONGEST; i++) total += latencies[i];
  for (unsigned i = 0; i < LONGEST; i++) if ((sum += latencies[i]) && sum >= share * total) return i;
  return LONGEST;
}

void report(double seconds, double idle) {
  printf("\"events_per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"p999_us\":%u,\"slow\":%llu,\"load_idle\":%.3f,",
         received / seconds, percentile(.5), percentile(.99), percentile(.999), (unsigned long long)slow, idle);
}
