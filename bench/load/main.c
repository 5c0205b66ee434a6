// sioload: see load.h and --help. It prints what it measured as JSON.
#include "load.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const char USAGE[] =
    "sioload --port PORT [options]\n"
    "  --mode MODE         echo, ack, bcast (one client speaks, all hear it), room (the first of each room speaks), idle\n"
    "  --connections N     clients (100)\n"
    "  --in-flight N       events that each client sends before it waits for an answer (1)\n"
    "  --whole             bcast: the next broadcast when everybody has had the last, not when its speaker has\n"
    "  --payload BYTES     (64)\n"
    "  --data KIND         text, json, binary\n"
    "  --event NAME        if it is not that of the mode\n"
    "  --nsp NAME          the namespace (/)\n"
    "  --rooms N           rooms that the clients join in turn\n"
    "  --transport NAME    websocket, polling, mixed\n"
    "  --seconds S, --warm S   how long to measure, and to run before (3, 0.5)\n"
    "  --rate N            send so many events per second, answered or not\n"
    "  --tls, --deflate    over TLS; with permessage-deflate\n"
    "  --spin              never sleep: no server then pays for waking us up\n";

options opt = {.connections = 100, .in_flight = 1, .payload = 64, .seconds = 3, .warm = .5,
               .mode = "echo", .data = "text", .nsp = "/", .transport = "websocket"};
client *clients;
int joined;
bool running;
uint64_t received, errors;

uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void parse(int count, char **words) {
  enum { PORT = 1, MODE, CONNECTIONS, IN_FLIGHT, PAYLOAD, DATA, EVENT, NSP, ROOMS, TRANSPORT, SECONDS, WARM, RATE, TLS, DEFLATE, SPIN, WHOLE };
  static const struct option known[] = {
      {"port", 1, 0, PORT}, {"mode", 1, 0, MODE}, {"connections", 1, 0, CONNECTIONS}, {"in-flight", 1, 0, IN_FLIGHT},
      {"payload", 1, 0, PAYLOAD}, {"data", 1, 0, DATA}, {"event", 1, 0, EVENT}, {"nsp", 1, 0, NSP}, {"rooms", 1, 0, ROOMS},
      {"transport", 1, 0, TRANSPORT}, {"seconds", 1, 0, SECONDS}, {"warm", 1, 0, WARM}, {"rate", 1, 0, RATE},
      {"tls", 0, 0, TLS}, {"deflate", 0, 0, DEFLATE}, {"spin", 0, 0, SPIN}, {"whole", 0, 0, WHOLE}, {0}};
  int key;
  while ((key = getopt_long(count, words, "", known, NULL)) != -1) switch (key) {
    case PORT: opt.port = atoi(optarg); break;
    case MODE: opt.mode = optarg; break;
    case CONNECTIONS: opt.connections = atoi(optarg); break;
    case IN_FLIGHT: opt.in_flight = atoi(optarg); break;
    case PAYLOAD: opt.payload = atoi(optarg); break;
    case DATA: opt.data = optarg; break;
    case EVENT: opt.event = optarg; break;
    case NSP: opt.nsp = optarg; break;
    case ROOMS: opt.rooms = atoi(optarg); break;
    case TRANSPORT: opt.transport = optarg; break;
    case SECONDS: opt.seconds = atof(optarg); break;
    case WARM: opt.warm = atof(optarg); break;
    case RATE: opt.rate = atof(optarg); break;
    case TLS: opt.tls = true; break;
    case DEFLATE: opt.deflate = true; break;
    case SPIN: opt.spin = true; break;
    case WHOLE: opt.whole = true; break;
    default: fputs(USAGE, stderr); exit(2);
  }
  if (!opt.port) { fputs(USAGE, stderr); exit(2); }
}

// Connects everyone, 200 at a time. Returns how many were let in per second.
static double connect_all(void) {
  enum { AT_ONCE = 200 };
  uint64_t start = now(), limit = start + 120000000000ull;
  for (int i = 0; i < opt.connections; i++) {
    client *c = &clients[i];
    c->number = i;
    c->polls = opt.transport[0] == 'p' || (opt.transport[0] == 'm' && i % 2);
    open_channel(c, &c->main, false);
    if (c->polls) open_channel(c, &c->post, true);
    if (c->polls) polling_request(c); else websocket_request(c);
    drain(&c->main);
    while (i + 1 - joined - (int)errors >= AT_ONCE && now() < limit) step(opt.spin ? 0 : 100);
  }
  while (joined + (int)errors < opt.connections && now() < limit) step(opt.spin ? 0 : 100);
  return joined / ((now() - start) / 1e9);
}

// Lets the clients talk for some seconds. Returns the share of the time in which there was nothing to do.
static double run(double seconds) {
  uint64_t start = now(), end = start + seconds * 1e9, time = start, idle = 0;
  while (time < end) {
    if (opt.rate) pace(time);
    bool busy = step(opt.spin || opt.rate ? 0 : 50);
    uint64_t after = now();
    if (!busy) idle += after - time;
    time = after;
  }
  return (double)idle / (end - start);
}

int main(int count, char **words) {
  parse(count, words);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (opt.tls) start_tls();
  prepare_events();
  clients = calloc(opt.connections, sizeof *clients);
  double rate = connect_all();
  printf("{\"joined\":%d,\"connect_per_s\":%.0f,", joined, rate);
  if (opt.mode[0] == 'i') {
    printf("\"errors\":%llu}\n{", (unsigned long long)errors);
    fflush(stdout);
    run(opt.seconds);
  } else {
    begin_load();
    run(opt.warm);
    reset_measure();
    uint64_t start = now();
    double idle = run(opt.seconds);
    report((now() - start) / 1e9, idle);
  }
  printf("\"errors\":%llu}\n", (unsigned long long)errors);
  return 0;
}
