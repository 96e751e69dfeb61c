/* What lwIP asks of a compiler and a system, where GNU C on Linux differs from its defaults. */
#ifndef TAPIR_BENCH_LWIP_CC_H
#define TAPIR_BENCH_LWIP_CC_H

#include <stdlib.h>
#include <sys/time.h>
#include <sys/types.h>

#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS
#include <arpa/inet.h>
#define LWIP_RAND() ((u32_t)random())

#endif
