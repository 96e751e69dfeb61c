#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void fail(const char *what) {
  fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

int must(int result, const char *what) {
  if (result < 0) fail(what);
  return result;
}

void *reserve(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) fail("calloc");
  return memory;
}

void set_option(int fd, int level, int option, int value) {
  must(setsockopt(fd, level, option, &value, sizeof value), "setsockopt");
}

int dial(const struct run *run, int type, int port) {
  int fd = must(socket(AF_INET, type | SOCK_CLOEXEC, 0), "socket");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = run->address};
  must(connect(fd, (struct sockaddr *)&to, sizeof to), "connect");
  return fd;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

double quantile(double *values, size_t count, double part) {
  if (count == 0) return 0;
  qsort(values, count, sizeof *values, ascending);
  return values[(size_t)(part * (double)(count - 1))];
}
