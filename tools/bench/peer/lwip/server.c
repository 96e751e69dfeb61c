/*
 *   lwip-server CPU TAP ADDRESS
 *
 * lwIP on a TAP with the peer's TCP services: discard, chargen, echo. Says `ready`; ends with the process that started it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

enum { PORT_DISCARD = 5001, PORT_CHARGEN = 5002, PORT_ECHO = 5003, FRAME = 1514, BUDGET = 64, CHUNK = 65536 };

static int tap;
static char chunk[CHUNK];

static void must(int good, const char *what) {
  if (good) return;
  perror(what);
  exit(1);
}

u32_t sys_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u32_t)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

static void open_tap(const char *name) {
  tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  must(tap >= 0, "/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  must(ioctl(tap, TUNSETIFF, &request) == 0, "TUNSETIFF");
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_flags = IFF_UP;
  must(ioctl(control, SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS");
  close(control);
}

static err_t send_frame(struct netif *netif, struct pbuf *frame) {
  (void)netif;
  static char bytes[FRAME];
  u16_t length = frame->tot_len;
  const void *from = frame->payload;
  if (frame->next != NULL) from = pbuf_get_contiguous(frame, bytes, sizeof bytes, length, 0);
  return from != NULL && write(tap, from, length) == length ? ERR_OK : ERR_BUF;
}

static err_t start_netif(struct netif *netif) {
  netif->name[0] = 't';
  netif->name[1] = 'p';
  netif->mtu = 1500;
  netif->hwaddr_len = ETH_HWADDR_LEN;
  static const u8_t mac[ETH_HWADDR_LEN] = {2, 0, 0, 0, 0, 0x77};
  memcpy(netif->hwaddr, mac, sizeof mac);
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  netif->output = etharp_output;
  netif->linkoutput = send_frame;
  return ERR_OK;
}

static void receive_frames(struct netif *netif) {
  for (int i = 0; i < BUDGET; i++) {
    static char bytes[2048];
    ssize_t length = read(tap, bytes, sizeof bytes);
    if (length <= 0) return;
    struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);
    if (frame == NULL) continue;
    pbuf_take(frame, bytes, (u16_t)length);
    if (netif->input(frame, netif) != ERR_OK) pbuf_free(frame);
  }
}

static err_t ended(struct tcp_pcb *pcb) {
  tcp_recv(pcb, NULL);
  tcp_sent(pcb, NULL);
  if (tcp_close(pcb) == ERR_OK) return ERR_OK;
  tcp_abort(pcb);
  return ERR_ABRT;
}

static err_t discard(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
  (void)argument;
  (void)error;
  if (data == NULL) return ended(pcb);
  pbuf_copy_partial(data, chunk, data->tot_len, 0);
  tcp_recved(pcb, data->tot_len);
  pbuf_free(data);
  return ERR_OK;
}

static err_t echo(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error) {
  (void)argument;
  (void)error;
  if (data == NULL) return ended(pcb);
  u16_t length = pbuf_copy_partial(data, chunk, data->tot_len, 0);
  tcp_recved(pcb, data->tot_len);
  pbuf_free(data);
  tcp_write(pcb, chunk, length, TCP_WRITE_FLAG_COPY);
  tcp_output(pcb);
  return ERR_OK;
}

static err_t generate(void *argument, struct tcp_pcb *pcb, u16_t acknowledged) {
  (void)argument;
  (void)acknowledged;
  for (;;) {
    size_t room = tcp_sndbuf(pcb);
    if (room > CHUNK / 2) room = CHUNK / 2;
    if (room < TCP_MSS || tcp_write(pcb, chunk, (u16_t)room, TCP_WRITE_FLAG_COPY) != ERR_OK) break;
  }
  tcp_output(pcb);
  return ERR_OK;
}

static err_t accepted(void *port, struct tcp_pcb *pcb, err_t error) {
  if (error != ERR_OK) return error;
  tcp_nagle_disable(pcb);
  switch ((intptr_t)port) {
    case PORT_CHARGEN:
      tcp_recv(pcb, discard);
      tcp_sent(pcb, generate);
      return generate(NULL, pcb, 0);
    case PORT_ECHO: tcp_recv(pcb, echo); return ERR_OK;
    default: tcp_recv(pcb, discard); return ERR_OK;
  }
}

static void serve(u16_t port) {
  struct tcp_pcb *pcb = tcp_new();
  must(pcb != NULL && tcp_bind(pcb, IP_ADDR_ANY, port) == ERR_OK, "tcp_bind");
  pcb = tcp_listen_with_backlog(pcb, 255);
  tcp_arg(pcb, (void *)(intptr_t)port);
  tcp_accept(pcb, accepted);
}

int main(int argc, char **argv) {
  must(argc == 4, "usage: lwip-server CPU TAP ADDRESS");
  must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(atoi(argv[1]), &cpus);
  must(sched_setaffinity(0, sizeof cpus, &cpus) == 0, "sched_setaffinity");
  open_tap(argv[2]);
  lwip_init();
  struct netif netif;
  ip4_addr_t address, mask, gateway = {0};
  must(ip4addr_aton(argv[3], &address), "address");
  IP4_ADDR(&mask, 255, 255, 255, 252);
  netif_add(&netif, &address, &mask, &gateway, NULL, start_netif, ethernet_input);
  netif_set_default(&netif);
  netif_set_up(&netif);
  for (u16_t port = PORT_DISCARD; port <= PORT_ECHO; port++) serve(port);
  printf("ready\n");
  fflush(stdout);
  struct pollfd readable = {.fd = tap, .events = POLLIN};
  for (;;) {
    poll(&readable, 1, (int)LWIP_MIN(sys_timeouts_sleeptime(), 1000));
    receive_frames(&netif);
    sys_check_timeouts();
  }
}
