/* Datagrams, as many as go: what arrived counts, not what was sent. */
#define _GNU_SOURCE
#include "peer.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { BATCH = 64, LONGEST = 65536, BUFFER = 4 * 1024 * 1024 };

static void set_timeout(int fd, int milliseconds) {
  struct timeval t = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t), "SO_RCVTIMEO");
}

/* Datagrams that the subject has counted; asked again when the question or its answer is lost. */
static uint64_t counted(int fd) {
  uint64_t count;
  for (int tries = 0; tries < 50; tries++) {
    if (send(fd, "?", 1, 0) < 0 && errno != ECONNREFUSED) fail("send");
    if (recv(fd, &count, sizeof count, 0) == sizeof count) return be64toh(count);
  }
  fail("the subject does not say what it has counted");
}

void run_udp_send(const struct run *run) {
  int fd = dial(run, SOCK_DGRAM, PORT_COUNT);
  set_timeout(fd, 100);
  uint64_t before = counted(fd);
  char *bytes = reserve((size_t)run->amount);
  struct iovec part = {bytes, (size_t)run->amount};
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
  uint64_t sent = 0;
  double begin = now();
  double elapsed;
  do {
    int done = sendmmsg(fd, messages, BATCH, 0);
    if (done > 0) sent += (uint64_t)done;
    else if (errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
  } while ((elapsed = now() - begin) < run->seconds);
  usleep(20000);
  printf("{\"sent\":%llu,\"datagrams\":%llu,\"seconds\":%.6f}\n", (unsigned long long)sent,
         (unsigned long long)(counted(fd) - before), elapsed);
}

void run_udp_receive(const struct run *run) {
  int fd = dial(run, SOCK_DGRAM, PORT_FLOOD);
  set_timeout(fd, 300);
  set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
  struct flood flood = {htonl((uint32_t)(run->seconds * 1000)), htonl((uint32_t)run->amount)};
  static char memory[BATCH][2048];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++) {
    parts[i] = (struct iovec){memory[i], sizeof memory[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  must((int)send(fd, &flood, sizeof flood, 0), "send");
  uint64_t count = 0;
  double first = 0, last = 0;
  for (;;) {
    int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (got <= 0) break;
    last = now();
    if (first == 0) first = last;
    count += (uint64_t)got;
  }
  if (last <= first) fail("no datagrams came");
  printf("{\"datagrams\":%llu,\"seconds\":%.6f}\n", (unsigned long long)count, last - first);
}

static int bound(int port) {
  int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
  must(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
  return fd;
}

static void *count_datagrams(void *unused) {
  (void)unused;
  int fd = bound(PORT_COUNT);
  static char memory[BATCH][2048];
  struct iovec parts[BATCH];
  struct sockaddr_in from[BATCH];
  struct mmsghdr messages[BATCH] = {0};
  uint64_t count = 0;
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){memory[i], sizeof memory[i]};
      messages[i].msg_hdr = (struct msghdr){
          .msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &from[i], .msg_namelen = sizeof from[i]};
    }
    int got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int i = 0; i < got; i++) {
      if (messages[i].msg_len != 1) {
        count++;
        continue;
      }
      uint64_t answer = htobe64(count);
      sendto(fd, &answer, sizeof answer, 0, (struct sockaddr *)&from[i], sizeof from[i]);
    }
  }
  return NULL;
}

static void flood_peer(int fd, const struct sockaddr_in *to, const struct flood *flood) {
  uint32_t bytes = ntohl(flood->bytes);
  if (bytes > 1472) return;
  static char memory[2048];
  struct iovec part = {memory, bytes};
  struct mmsghdr messages[BATCH] = {0};
  for (int i = 0; i < BATCH; i++)
    messages[i].msg_hdr = (struct msghdr){
        .msg_iov = &part, .msg_iovlen = 1, .msg_name = (void *)to, .msg_namelen = sizeof *to};
  double end = now() + (double)ntohl(flood->milliseconds) / 1000;
  while (now() < end) sendmmsg(fd, messages, BATCH, 0);
}

static void *flood_askers(void *unused) {
  (void)unused;
  int fd = bound(PORT_FLOOD);
  for (;;) {
    struct flood flood;
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    if (recvfrom(fd, &flood, sizeof flood, 0, (struct sockaddr *)&from, &length) == sizeof flood)
      flood_peer(fd, &from, &flood);
  }
  return NULL;
}

void serve_datagrams(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, count_datagrams, NULL) != 0) fail("pthread_create");
  if (pthread_create(&thread, NULL, flood_askers, NULL) != 0) fail("pthread_create");
}
