/* The benchmarks' one peer: kernel sockets, each process pinned to a CPU, so that every subject is measured by the same program. */
#ifndef TAPIR_BENCH_PEER_H
#define TAPIR_BENCH_PEER_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Services of every subject. */
enum {
  PORT_DISCARD = 5001,
  PORT_CHARGEN = 5002,
  PORT_ECHO = 5003,
  /* UDP: counts what comes; a datagram of one byte is answered with the count, 64 bits in network order. */
  PORT_COUNT = 5004,
  /* UDP: asked with `struct flood`, sends as many datagrams as it can for that long. */
  PORT_FLOOD = 5005,
};

/* A request to PORT_FLOOD; network order. */
struct flood {
  uint32_t milliseconds;
  uint32_t bytes;
};

enum { CHUNK = 256 * 1024 };

/* What a client is told on its command line. */
struct run {
  struct in_addr address;
  double seconds;
  /* Connections (bulk) or bytes of a datagram (UDP). */
  int amount;
};

/* Seconds on the monotonic clock. */
double now(void);
/* Ends the process with a message and errno's meaning. */
void fail(const char *what) __attribute__((noreturn));
/* `result`, unless it is negative: then fails. */
int must(int result, const char *what);
/* A socket of `type`, connected to a port of the subject. */
int dial(const struct run *run, int type, int port);
void set_option(int fd, int level, int option, int value);
/* Allocates; zeroed. */
void *reserve(size_t bytes);
/* Orders `count` values and gives the one that `part` (0 to 1) of them are below. */
double quantile(double *values, size_t count, double part);

void run_send(const struct run *run);
void run_receive(const struct run *run);
void run_round_trips(const struct run *run);
void run_connections(const struct run *run);
void run_udp_send(const struct run *run);
void run_udp_receive(const struct run *run);
/* Serves every port until it is killed; says `ready` when it does. */
void serve(void);
void serve_datagrams(void);

#endif
