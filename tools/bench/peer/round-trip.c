/* One byte there and back, over a connection that stays, or over a new one each time. */
#include "peer.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 2000000 };

static void trip(int fd) {
  char byte = 'x';
  if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) fail("send");
  if (recv(fd, &byte, 1, 0) != 1) fail("recv");
}

void run_round_trips(const struct run *run) {
  int fd = dial(run, SOCK_STREAM, PORT_ECHO);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  for (int i = 0; i < 100; i++) trip(fd);
  double *times = reserve(MOST * sizeof *times);
  size_t count = 0;
  double begin = now();
  double last = begin;
  while (last - begin < run->seconds && count < MOST) {
    trip(fd);
    double t = now();
    times[count++] = (t - last) * 1e6;
    last = t;
  }
  double mean = (last - begin) * 1e6 / (double)count;
  printf("{\"trips\":%zu,\"mean\":%.3f,\"median\":%.3f,\"p99\":%.3f}\n", count, mean, quantile(times, count, 0.5),
         quantile(times, count, 0.99));
}

void run_connections(const struct run *run) {
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  uint64_t count = 0;
  double begin = now();
  double elapsed;
  do {
    int fd = dial(run, SOCK_STREAM, PORT_ECHO);
    trip(fd);
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "SO_LINGER");
    close(fd);
    count++;
  } while ((elapsed = now() - begin) < run->seconds);
  printf("{\"connections\":%llu,\"seconds\":%.6f}\n", (unsigned long long)count, elapsed);
}
