/* Bulk transfer over one connection or many. Bytes count when they were acknowledged, or read. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Part of the time that is let pass before counting: slow start, and growing buffers. */
static const double WARM_UP = 0.25;

enum { EVENTS = 64 };

struct transfer {
  int epoll;
  int count;
  int *fds;
  char *buffer;
  uint64_t bytes;
};

static void open_all(struct transfer *transfer, const struct run *run, int port, uint32_t events) {
  transfer->count = run->amount;
  transfer->fds = reserve((size_t)run->amount * sizeof *transfer->fds);
  transfer->buffer = reserve(CHUNK);
  transfer->epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  for (int i = 0; i < run->amount; i++) {
    int fd = dial(run, SOCK_STREAM, port);
    must(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
    struct epoll_event event = {.events = events, .data.fd = fd};
    must(epoll_ctl(transfer->epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    transfer->fds[i] = fd;
  }
}

/* One call a connection and turn, so that all get their share. */
static void turn(struct transfer *transfer, ssize_t (*call)(int, void *, size_t)) {
  struct epoll_event events[EVENTS];
  int ready = epoll_wait(transfer->epoll, events, EVENTS, 100);
  for (int i = 0; i < ready; i++) {
    ssize_t done = call(events[i].data.fd, transfer->buffer, CHUNK);
    if (done > 0) transfer->bytes += (uint64_t)done;
    else if (done == 0 || errno != EAGAIN) fail("the connection ended");
  }
}

static ssize_t send_chunk(int fd, void *buffer, size_t bytes) { return send(fd, buffer, bytes, MSG_NOSIGNAL); }
static ssize_t receive_chunk(int fd, void *buffer, size_t bytes) { return recv(fd, buffer, bytes, 0); }

static uint64_t unacknowledged(const struct transfer *transfer) {
  uint64_t sum = 0;
  for (int i = 0; i < transfer->count; i++) {
    int queued = 0;
    must(ioctl(transfer->fds[i], SIOCOUTQ, &queued), "SIOCOUTQ");
    sum += (uint64_t)queued;
  }
  return sum;
}

static uint64_t nothing(const struct transfer *transfer) {
  (void)transfer;
  return 0;
}

static void measure(const struct run *run, int port, uint32_t events, ssize_t (*call)(int, void *, size_t),
                    uint64_t (*outstanding)(const struct transfer *)) {
  struct transfer transfer = {0};
  open_all(&transfer, run, port, events);
  double begin = now();
  while (now() - begin < run->seconds * WARM_UP) turn(&transfer, call);
  uint64_t before = transfer.bytes - outstanding(&transfer);
  begin = now();
  double elapsed;
  do turn(&transfer, call);
  while ((elapsed = now() - begin) < run->seconds);
  uint64_t bytes = transfer.bytes - outstanding(&transfer) - before;
  printf("{\"bytes\":%llu,\"seconds\":%.6f}\n", (unsigned long long)bytes, elapsed);
  fflush(stdout);
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < transfer.count; i++) {
    setsockopt(transfer.fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(transfer.fds[i]);
  }
}

void run_send(const struct run *run) { measure(run, PORT_DISCARD, EPOLLOUT, send_chunk, unacknowledged); }
void run_receive(const struct run *run) { measure(run, PORT_CHARGEN, EPOLLIN, receive_chunk, nothing); }
