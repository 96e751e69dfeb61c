/* Frames: batches of read(2) and writev(2) between a TUN/TAP descriptor and slots of the registered memory. */
#include "tapdev.h"

#include <errno.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static bool in_memory(const tapdev *dev, size_t offset, size_t length) {
  return offset <= dev->memory_length && length <= dev->memory_length - offset;
}

/*
 * receive(max) -> frames read. Fills descriptors from the first on until the descriptor would block (status EAGAIN), another
 * error comes, or `max` are filled (status 0).
 */
static napi_value ring_receive(napi_env env, napi_callback_info info) {
  napi_value argument;
  uint32_t max = 0;
  tapdev *dev = tapdev_arguments(env, info, 1, &argument);
  if (dev == NULL) return NULL;
  if (dev->fd < 0) return tapdev_result(env, 0);
  (void)napi_get_value_uint32(env, argument, &max);
  if (max > dev->rx_depth) max = dev->rx_depth;

  uint32_t count = 0;
  uint32_t status = 0;
  uint32_t *descriptor = dev->rx + RING_FIRST;
  while (count < max) {
    if (!in_memory(dev, descriptor[0], descriptor[1])) {
      status = EFAULT;
      break;
    }
    ssize_t length = read(dev->fd, dev->memory + descriptor[0], descriptor[1]);
    if (length < 0) {
      if (errno == EINTR) continue;
      status = (uint32_t)errno;
      break;
    }
    descriptor[2] = (uint32_t)length;
    descriptor += RX_WORDS;
    count++;
  }
  dev->rx[RING_STATUS] = status;
  return tapdev_result(env, (int32_t)count);
}

static ssize_t send_frame(const tapdev *dev, const uint32_t *descriptor) {
  if (!in_memory(dev, descriptor[0], descriptor[1]) || !in_memory(dev, descriptor[2], descriptor[3])) {
    errno = EFAULT;
    return -1;
  }
  if (descriptor[3] == 0) return write(dev->fd, dev->memory + descriptor[0], descriptor[1]);
  struct iovec parts[2] = {
    {dev->memory + descriptor[0], descriptor[1]},
    {dev->memory + descriptor[2], descriptor[3]},
  };
  return writev(dev->fd, parts, 2);
}

/*
 * flush(first, count) -> frames written. When that is less than `count`, the status says why the frame behind the last
 * written one was refused; it and the ones after it are still the caller's.
 */
static napi_value ring_flush(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint32_t first = 0;
  uint32_t count = 0;
  tapdev *dev = tapdev_arguments(env, info, 2, arguments);
  if (dev == NULL) return NULL;
  if (dev->fd < 0) return tapdev_result(env, 0);
  (void)napi_get_value_uint32(env, arguments[0], &first);
  (void)napi_get_value_uint32(env, arguments[1], &count);
  if (first > dev->tx_depth) first = dev->tx_depth;
  if (count > dev->tx_depth - first) count = dev->tx_depth - first;

  uint32_t written = 0;
  uint32_t status = 0;
  const uint32_t *descriptor = dev->tx + RING_FIRST + (size_t)first * TX_WORDS;
  while (written < count) {
    if (send_frame(dev, descriptor) < 0) {
      if (errno == EINTR) continue;
      status = (uint32_t)errno;
      break;
    }
    descriptor += TX_WORDS;
    written++;
  }
  dev->tx[RING_STATUS] = status;
  return tapdev_result(env, (int32_t)written);
}

/*
 * benchWrite(offset, length, count) -> nanoseconds that `count` plain writes of one constant frame take, or a negated errno:
 * the reference that flushes are measured against.
 */
static napi_value ring_bench_write(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value result;
  uint32_t values[3] = {0, 0, 0};
  tapdev *dev = tapdev_arguments(env, info, 3, arguments);
  if (dev == NULL) return NULL;
  for (size_t i = 0; i < 3; i++) (void)napi_get_value_uint32(env, arguments[i], &values[i]);
  if (dev->fd < 0) return tapdev_result(env, -EBADF);
  if (!in_memory(dev, values[0], values[1])) return tapdev_result(env, -EFAULT);

  struct timespec begin;
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (uint32_t i = 0; i < values[2]; i++) {
    if (write(dev->fd, dev->memory + values[0], values[1]) < 0 && errno != EINTR) return tapdev_result(env, -errno);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double elapsed = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
  if (napi_create_double(env, elapsed, &result) != napi_ok) return NULL;
  return result;
}

const tapdev_method tapdev_ring_methods[] = {
  {"receive", ring_receive},
  {"flush", ring_flush},
  {"benchWrite", ring_bench_write},
  {NULL, NULL},
};
