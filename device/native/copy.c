/* memcpy(3) between byte arrays: in JavaScript a copy of a part of an array needs a view of it, which is an allocation. */
#include "tapdev.h"

#include <string.h>

static bool bytes_of(napi_env env, napi_value value, uint8_t **bytes, size_t *length) {
  napi_typedarray_type type;
  void *data;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok) return false;
  *bytes = data;
  return type == napi_uint8_array;
}

/* copy(from, fromAt, to, toAt, length): throws a RangeError when a run is not inside its array. The runs may overlap. */
napi_value tapdev_copy(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value arguments[5];
  uint8_t *from;
  uint8_t *to;
  size_t from_length;
  size_t to_length;
  int64_t from_at = -1;
  int64_t to_at = -1;
  int64_t length = -1;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) return NULL;
  if (count < 5 || !bytes_of(env, arguments[0], &from, &from_length) || !bytes_of(env, arguments[2], &to, &to_length)) {
    (void)napi_throw_type_error(env, NULL, "copy(from: Uint8Array, fromAt, to: Uint8Array, toAt, length)");
    return NULL;
  }
  (void)napi_get_value_int64(env, arguments[1], &from_at);
  (void)napi_get_value_int64(env, arguments[3], &to_at);
  (void)napi_get_value_int64(env, arguments[4], &length);
  if (from_at < 0 || to_at < 0 || length < 0 || (uint64_t)length > from_length ||
      (uint64_t)from_at > from_length - (uint64_t)length || (uint64_t)length > to_length ||
      (uint64_t)to_at > to_length - (uint64_t)length) {
    (void)napi_throw_range_error(env, NULL, "copy: outside the array");
    return NULL;
  }
  memmove(to + to_at, from + from_at, (size_t)length);
  return NULL;
}
