/* In place of the addon where there is no Linux TUN/TAP: loads, and says so when it is used. */
#include "tapdev.h"

static napi_value refuse(napi_env env, napi_callback_info info) {
  (void)info;
  (void)napi_throw_error(env, "EOPNOTSUPP", "TUN/TAP devices need Linux");
  return NULL;
}

NAPI_MODULE_INIT() {
  napi_value version;
  napi_property_descriptor exported[] = {
    {"open", NULL, refuse, NULL, NULL, NULL, napi_enumerable, NULL},
    {"adopt", NULL, refuse, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof exported / sizeof *exported, exported) != napi_ok ||
      napi_create_int32(env, TAPDEV_VERSION, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok) {
    return NULL;
  }
  return exports;
}
