/* lwIP for the benchmark: one thread, the raw API, buffers that hold a whole frame, a window that a TAP's queue has room for. */
#ifndef TAPIR_BENCH_LWIPOPTS_H
#define TAPIR_BENCH_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_IPV6 0
#define LWIP_UDP 1
#define LWIP_DHCP 0
#define LWIP_DNS 0

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 0
#define MEMP_NUM_TCP_PCB 2048
#define MEMP_NUM_TCP_SEG 8192
#define MEMP_NUM_PBUF 4096
#define PBUF_POOL_SIZE 2048
#define PBUF_POOL_BUFSIZE 1664

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_WND (256 * TCP_MSS)
#define TCP_SND_BUF (256 * TCP_MSS)
#define TCP_SND_QUEUELEN 2048
#define TCP_SNDLOWAT (8 * TCP_MSS)
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_TIMESTAMPS 1

#define LWIP_STATS 0
#define LWIP_DEBUG 0

#endif
