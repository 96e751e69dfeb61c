/* The services, a thread each; a thread that has nothing to do costs nothing. */
#define _GNU_SOURCE
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 64, BACKLOG = 1024 };

static int listening(int port) {
  int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  must(bind(fd, (struct sockaddr *)&any, sizeof any), "bind");
  must(listen(fd, BACKLOG), "listen");
  return fd;
}

static ssize_t discard(int fd, char *buffer) { return recv(fd, buffer, CHUNK, 0); }
static ssize_t generate(int fd, char *buffer) { return send(fd, buffer, CHUNK, MSG_NOSIGNAL); }

/* Many connections at once; each is called as long as it takes or gives something, a few times a turn. */
static void serve_bulk(int port, uint32_t interest, ssize_t (*call)(int, char *)) {
  int listener = listening(port);
  char *buffer = reserve(CHUNK);
  int epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0) continue;
        event = (struct epoll_event){.events = interest, .data.fd = accepted};
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event), "epoll_ctl");
        continue;
      }
      ssize_t done = 1;
      for (int n = 0; n < 4 && done > 0; n++) done = call(fd, buffer);
      if (done == 0 || (done < 0 && errno != EAGAIN)) close(fd);
    }
  }
}

static void *serve_discard(void *unused) {
  (void)unused;
  serve_bulk(PORT_DISCARD, EPOLLIN, discard);
  return NULL;
}

static void *serve_chargen(void *unused) {
  (void)unused;
  serve_bulk(PORT_CHARGEN, EPOLLOUT, generate);
  return NULL;
}

/* One connection after the other, with calls that block: what costs the kernel least. */
static void *serve_echo(void *unused) {
  (void)unused;
  int listener = listening(PORT_ECHO);
  char buffer[4096];
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) continue;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    ssize_t got;
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
      if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL) < 0) break;
    close(fd);
  }
  return NULL;
}

void serve(void) {
  void *(*const services[])(void *) = {serve_discard, serve_chargen, serve_echo};
  for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, services[i], NULL) != 0) fail("pthread_create");
  }
  serve_datagrams();
  usleep(50000);
  printf("ready\n");
  fflush(stdout);
  for (;;) pause();
}
