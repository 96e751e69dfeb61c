/* The life of a TUN/TAP queue in Node.js: raw Node-API, readiness by uv_poll on the environment's loop. */
#include "tapdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ARGUMENTS_MAX 6

static void fail(napi_env env, const char *what) {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return;
  (void)napi_throw_type_error(env, NULL, what);
}

tapdev *tapdev_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *dev = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, &dev) != napi_ok) return NULL;
  return dev;
}

napi_value tapdev_result(napi_env env, int32_t result) {
  napi_value value;
  return napi_create_int32(env, result, &value) == napi_ok ? value : NULL;
}

int tapdev_identify(int fd, char *name, size_t size, uint32_t *flags) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (ioctl(fd, TUNGETIFF, &request) < 0) return -errno;
  request.ifr_name[IFNAMSIZ - 1] = 0;
  memcpy(name, request.ifr_name, size < IFNAMSIZ ? size : IFNAMSIZ);
  if (flags != NULL) *flags = (uint16_t)request.ifr_flags;
  return 0;
}

static void drop_owner(tapdev *dev) {
  if (--dev->owners == 0) free(dev);
}

static void on_function_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  drop_owner(data);
}

static void release_references(tapdev *dev) {
  napi_ref *references[] = {&dev->on_ready, &dev->memory_ref, &dev->rx_ref, &dev->tx_ref};
  for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
    if (*references[i] != NULL) (void)napi_delete_reference(dev->env, *references[i]);
    *references[i] = NULL;
  }
  if (dev->context != NULL) (void)napi_async_destroy(dev->env, dev->context);
  dev->context = NULL;
}

static void on_poll_closed(uv_handle_t *handle) {
  tapdev *dev = handle->data;
  if (dev->env != NULL) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(dev->env, &scope) == napi_ok) {
      release_references(dev);
      (void)napi_close_handle_scope(dev->env, scope);
    }
  }
  if (dev->hook != NULL) (void)napi_remove_async_cleanup_hook(dev->hook);
  drop_owner(dev);
}

/* The descriptor goes now, so that the interface is gone when this returns; the poll handle at the end of the loop's turn. */
static void begin_close(tapdev *dev) {
  if (dev->closing) return;
  dev->closing = true;
  uv_close((uv_handle_t *)&dev->poll, on_poll_closed);
  close(dev->fd);
  dev->fd = -1;
}

static void on_environment_exit(napi_async_cleanup_hook_handle hook, void *data) {
  tapdev *dev = data;
  (void)hook;
  release_references(dev);
  dev->env = NULL;
  begin_close(dev);
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  tapdev *dev = handle->data;
  napi_env env = dev->env;
  napi_handle_scope scope;
  napi_value callback;
  napi_value receiver;
  napi_value arguments[2];
  if (env == NULL || dev->closing) return;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, dev->on_ready, &callback) == napi_ok && napi_get_global(env, &receiver) == napi_ok &&
      napi_create_int32(env, events, &arguments[0]) == napi_ok &&
      napi_create_int32(env, status, &arguments[1]) == napi_ok &&
      napi_make_callback(env, dev->context, receiver, callback, 2, arguments, NULL) == napi_pending_exception) {
    napi_value thrown;
    if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) (void)napi_fatal_exception(env, thrown);
  }
  (void)napi_close_handle_scope(env, scope);
}

/* poll(events): calls onReady(events, status) whenever the descriptor is ready: 1 readable, 2 writable, 0 stops. */
static napi_value device_poll(napi_env env, napi_callback_info info) {
  napi_value argument;
  int32_t events = 0;
  tapdev *dev = tapdev_arguments(env, info, 1, &argument);
  if (dev == NULL) return NULL;
  if (dev->closing) return tapdev_result(env, -EBADF);
  (void)napi_get_value_int32(env, argument, &events);
  events &= UV_READABLE | UV_WRITABLE;
  return tapdev_result(env, events == 0 ? uv_poll_stop(&dev->poll) : uv_poll_start(&dev->poll, events, on_poll));
}

/* ref(on): whether polling keeps the process alive, as it does at first. */
static napi_value device_ref(napi_env env, napi_callback_info info) {
  napi_value argument;
  bool on = true;
  tapdev *dev = tapdev_arguments(env, info, 1, &argument);
  if (dev == NULL) return NULL;
  if (dev->closing) return tapdev_result(env, -EBADF);
  (void)napi_get_value_bool(env, argument, &on);
  if (on) uv_ref((uv_handle_t *)&dev->poll);
  else uv_unref((uv_handle_t *)&dev->poll);
  return tapdev_result(env, 0);
}

static napi_value device_close(napi_env env, napi_callback_info info) {
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  begin_close(dev);
  return tapdev_result(env, 0);
}

static const tapdev_method device_methods[] = {
  {"poll", device_poll},
  {"ref", device_ref},
  {"close", device_close},
  {NULL, NULL},
};

static bool bind_methods(napi_env env, napi_value object, tapdev *dev, const tapdev_method *method) {
  for (; method->name != NULL; method++) {
    napi_value function;
    if (napi_create_function(env, method->name, NAPI_AUTO_LENGTH, method->call, dev, &function) != napi_ok) return false;
    if (napi_add_finalizer(env, function, dev, on_function_gone, NULL, NULL) != napi_ok) return false;
    dev->owners++;
    if (napi_set_named_property(env, object, method->name, function) != napi_ok) return false;
  }
  return true;
}

/* A ring with room for at least one descriptor of `words`; its depth, or 0 when `value` is none. */
static uint32_t ring_depth(napi_env env, napi_value value, size_t words, uint32_t **ring) {
  napi_typedarray_type type;
  size_t length = 0;
  bool typed = false;
  if (napi_is_typedarray(env, value, &typed) != napi_ok || !typed) return 0;
  if (napi_get_typedarray_info(env, value, &type, &length, (void **)ring, NULL, NULL) != napi_ok) return 0;
  if (type != napi_uint32_array || length < RING_FIRST + words) return 0;
  return (uint32_t)((length - RING_FIRST) / words);
}

/* Takes (memory: Uint8Array, rx: Uint32Array, tx: Uint32Array, onReady) from `arguments`; false with an exception pending. */
static bool register_memory(napi_env env, tapdev *dev, const napi_value *arguments) {
  napi_typedarray_type type;
  napi_valuetype callable;
  bool typed = false;
  if (napi_is_typedarray(env, arguments[0], &typed) != napi_ok || !typed ||
      napi_get_typedarray_info(env, arguments[0], &type, &dev->memory_length, (void **)&dev->memory, NULL, NULL) !=
        napi_ok ||
      type != napi_uint8_array) {
    fail(env, "memory must be a Uint8Array");
    return false;
  }
  dev->rx_depth = ring_depth(env, arguments[1], RX_WORDS, &dev->rx);
  dev->tx_depth = ring_depth(env, arguments[2], TX_WORDS, &dev->tx);
  if (dev->rx_depth == 0 || dev->tx_depth == 0) {
    fail(env, "rings must be Uint32Arrays with room for a descriptor");
    return false;
  }
  if (napi_typeof(env, arguments[3], &callable) != napi_ok || callable != napi_function) {
    fail(env, "onReady must be a function");
    return false;
  }
  if (napi_create_reference(env, arguments[0], 1, &dev->memory_ref) != napi_ok ||
      napi_create_reference(env, arguments[1], 1, &dev->rx_ref) != napi_ok ||
      napi_create_reference(env, arguments[2], 1, &dev->tx_ref) != napi_ok ||
      napi_create_reference(env, arguments[3], 1, &dev->on_ready) != napi_ok) {
    fail(env, "out of memory");
    return false;
  }
  return true;
}

static bool describe(napi_env env, napi_value object, const char *name, uint32_t flags, int fd) {
  napi_value value;
  return napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, object, "name", value) == napi_ok &&
         napi_create_uint32(env, flags, &value) == napi_ok &&
         napi_set_named_property(env, object, "flags", value) == napi_ok &&
         napi_create_int32(env, fd, &value) == napi_ok && napi_set_named_property(env, object, "fd", value) == napi_ok;
}

/*
 * Makes the JavaScript side of an attached descriptor. A negated errno leaves the descriptor with the caller; in every other
 * case it is owned here from now on, also when an exception is pending.
 */
static napi_value bind_device(napi_env env, int fd, const napi_value *arguments, int *refused) {
  char name[IFNAMSIZ];
  uint32_t flags = 0;
  uv_loop_t *loop;
  napi_value object;
  napi_value label;
  int failed = tapdev_identify(fd, name, sizeof name, &flags);
  tapdev *dev = failed < 0 ? NULL : calloc(1, sizeof *dev);
  if (failed == 0 && dev == NULL) failed = -ENOMEM;
  if (failed == 0 && napi_get_uv_event_loop(env, &loop) != napi_ok) failed = -EINVAL;
  if (failed == 0) failed = uv_poll_init(loop, &dev->poll, fd);
  if (failed < 0) {
    free(dev);
    *refused = failed;
    return NULL;
  }
  dev->env = env;
  dev->fd = fd;
  dev->owners = 1;
  dev->poll.data = dev;
  if (register_memory(env, dev, arguments) &&
      napi_create_string_utf8(env, "tapdev", NAPI_AUTO_LENGTH, &label) == napi_ok &&
      napi_async_init(env, NULL, label, &dev->context) == napi_ok && napi_create_object(env, &object) == napi_ok &&
      bind_methods(env, object, dev, device_methods) && bind_methods(env, object, dev, tapdev_ring_methods) &&
      bind_methods(env, object, dev, tapdev_control_methods) && describe(env, object, name, flags, fd) &&
      napi_add_async_cleanup_hook(env, on_environment_exit, dev, &dev->hook) == napi_ok) {
    return object;
  }
  fail(env, "the device could not be bound");
  begin_close(dev);
  return NULL;
}

/* open(name, flags, memory, rx, tx, onReady) -> device, or a negated errno. The name may be empty or hold one %d. */
static napi_value open_device(napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS_MAX;
  size_t length = 0;
  napi_value arguments[ARGUMENTS_MAX];
  struct ifreq request;
  uint32_t flags;
  int refused = 0;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return NULL;
  if (napi_get_value_string_utf8(env, arguments[0], NULL, 0, &length) != napi_ok ||
      napi_get_value_uint32(env, arguments[1], &flags) != napi_ok) {
    fail(env, "open(name: string, flags: number, memory, rx, tx, onReady)");
    return NULL;
  }
  if (length >= IFNAMSIZ) return tapdev_result(env, -EINVAL);
  memset(&request, 0, sizeof request);
  if (napi_get_value_string_utf8(env, arguments[0], request.ifr_name, IFNAMSIZ, &length) != napi_ok) return NULL;
  request.ifr_flags = (short)flags;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return tapdev_result(env, -errno);
  if (ioctl(fd, TUNSETIFF, &request) < 0) {
    int failed = -errno;
    close(fd);
    return tapdev_result(env, failed);
  }
  napi_value device = bind_device(env, fd, arguments + 2, &refused);
  if (refused == 0) return device;
  close(fd);
  return tapdev_result(env, refused);
}

/*
 * adopt(fd, memory, rx, tx, onReady) -> device, which takes the descriptor over, or a negated errno: one that is no attached
 * TUN/TAP queue, or is taken already, stays the caller's.
 */
static napi_value adopt_device(napi_env env, napi_callback_info info) {
  size_t count = ARGUMENTS_MAX - 1;
  napi_value arguments[ARGUMENTS_MAX - 1];
  char name[IFNAMSIZ];
  int32_t fd;
  int refused = 0;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return NULL;
  if (napi_get_value_int32(env, arguments[0], &fd) != napi_ok) {
    fail(env, "adopt(fd: number, memory, rx, tx, onReady)");
    return NULL;
  }
  int failed = tapdev_identify(fd, name, sizeof name, NULL);
  if (failed < 0) return tapdev_result(env, failed);
  int status = fcntl(fd, F_GETFL);
  if (status < 0 || fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0) return tapdev_result(env, -errno);
  napi_value device = bind_device(env, fd, arguments + 1, &refused);
  return refused == 0 ? device : tapdev_result(env, refused);
}

NAPI_MODULE_INIT() {
  napi_value version;
  napi_property_descriptor exported[] = {
    {"open", NULL, open_device, NULL, NULL, NULL, napi_enumerable, NULL},
    {"adopt", NULL, adopt_device, NULL, NULL, NULL, napi_enumerable, NULL},
    {"copy", NULL, tapdev_copy, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof exported / sizeof *exported, exported) != napi_ok ||
      napi_create_int32(env, TAPDEV_VERSION, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok) {
    return NULL;
  }
  return exports;
}
