/* One queue of a TUN/TAP device, bound to a JavaScript object. */
#ifndef TAPDEV_H
#define TAPDEV_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Grows with every change of the interface between this addon and device/native.ts, which refuses any other version. */
#define TAPDEV_VERSION 2

/*
 * Rings are Uint32Arrays that JavaScript shares with us. Word 0 is the status: the errno that ended the last call, 0 for
 * none. Descriptors follow.
 */
#define RING_STATUS 0
#define RING_FIRST 1
/* Receive descriptor: offset and capacity of a slot, in; length of the frame, out. */
#define RX_WORDS 3
/* Transmit descriptor: offset and length of the frame's linear part, offset and length of what follows it. */
#define TX_WORDS 4

typedef struct tapdev {
  uv_poll_t poll;
  napi_env env; /* NULL once the environment is going away */
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  napi_ref on_ready;
  napi_ref memory_ref;
  napi_ref rx_ref;
  napi_ref tx_ref;
  uint8_t *memory;
  size_t memory_length;
  uint32_t *rx;
  uint32_t *tx;
  uint32_t rx_depth; /* descriptors that the ring has room for */
  uint32_t tx_depth;
  int fd; /* -1 once closed */
  bool closing;
  uint32_t owners; /* the poll handle and every bound function; the last one frees this */
} tapdev;

typedef struct {
  const char *name;
  napi_callback call;
} tapdev_method;

/* Each list ends with a NULL name. */
extern const tapdev_method tapdev_ring_methods[];
extern const tapdev_method tapdev_control_methods[];

/* The device that the called function is bound to, with up to `count` arguments; NULL with an exception pending. */
tapdev *tapdev_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

/* A result for JavaScript: a count, or a negated errno. */
napi_value tapdev_result(napi_env env, int32_t result);

/* copy(from, fromAt, to, toAt, length) between Uint8Arrays: bound to no device. */
napi_value tapdev_copy(napi_env env, napi_callback_info info);

/* Asks the kernel what the descriptor is: 0 and its current name and flags, or a negated errno. */
int tapdev_identify(int fd, char *name, size_t size, uint32_t *flags);

#endif
