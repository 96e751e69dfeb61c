/*
 *   peer CPU serve
 *   peer CPU MODE ADDRESS SECONDS [AMOUNT]
 *
 * MODE: send and recv (AMOUNT connections), rr, connections, udp-send and udp-recv (AMOUNT bytes a datagram).
 * Prints what it found as a line of JSON. It ends with the process that started it.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const struct {
  const char *name;
  void (*run)(const struct run *);
} modes[] = {
    {"send", run_send},
    {"recv", run_receive},
    {"rr", run_round_trips},
    {"connections", run_connections},
    {"udp-send", run_udp_send},
    {"udp-recv", run_udp_receive},
};

static void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  must(sched_setaffinity(0, sizeof set, &set), "sched_setaffinity");
}

/* A thousand connections need a thousand descriptors. */
static void allow_descriptors(void) {
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: peer CPU serve | peer CPU MODE ADDRESS SECONDS [AMOUNT]\n"), 2;
  must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  pin(atoi(argv[1]));
  allow_descriptors();
  if (strcmp(argv[2], "serve") == 0) serve();
  if (argc < 5) return fprintf(stderr, "peer: an address and seconds are needed\n"), 2;
  struct run run = {.seconds = atof(argv[4]), .amount = argc > 5 ? atoi(argv[5]) : 1};
  if (inet_pton(AF_INET, argv[3], &run.address) != 1) return fprintf(stderr, "peer: no address: %s\n", argv[3]), 2;
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(argv[2], modes[i].name) == 0) return modes[i].run(&run), 0;
  fprintf(stderr, "peer: no such mode: %s\n", argv[2]);
  return 2;
}
