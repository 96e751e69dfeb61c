/* Settings of a TUN/TAP queue (ioctls on its descriptor) and of the kernel's interface behind it (ioctls on a socket). */
#include "tapdev.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAC_BYTES 6

static napi_value mac_result(napi_env env, const uint8_t *bytes) {
  double mac = 0;
  napi_value result;
  for (size_t i = 0; i < MAC_BYTES; i++) mac = mac * 256 + bytes[i];
  return napi_create_double(env, mac, &result) == napi_ok ? result : NULL;
}

static int32_t outcome(int returned) { return returned < 0 ? -errno : 0; }

/* The device that a setter is bound to and its one integer argument. */
static tapdev *integer_argument(napi_env env, napi_callback_info info, int32_t *value) {
  napi_value argument;
  tapdev *dev = tapdev_arguments(env, info, 1, &argument);
  *value = 0;
  if (dev != NULL) (void)napi_get_value_int32(env, argument, value);
  return dev;
}

/* Of the queue and its TUN/TAP device. */

static napi_value set_carrier(napi_env env, napi_callback_info info) {
  int32_t on;
  tapdev *dev = integer_argument(env, info, &on);
  if (dev == NULL) return NULL;
  return tapdev_result(env, outcome(ioctl(dev->fd, TUNSETCARRIER, &on)));
}

static napi_value set_persist(napi_env env, napi_callback_info info) {
  int32_t on;
  tapdev *dev = integer_argument(env, info, &on);
  if (dev == NULL) return NULL;
  return tapdev_result(env, outcome(ioctl(dev->fd, TUNSETPERSIST, (unsigned long)on)));
}

static napi_value set_offload(napi_env env, napi_callback_info info) {
  int32_t offload;
  tapdev *dev = integer_argument(env, info, &offload);
  if (dev == NULL) return NULL;
  return tapdev_result(env, outcome(ioctl(dev->fd, TUNSETOFFLOAD, (unsigned long)offload)));
}

/* Sets the size of the virtio header, and its byte order to little-endian whatever this machine's is. */
static napi_value set_vnet_header_size(napi_env env, napi_callback_info info) {
  int32_t size;
  int little = 1;
  tapdev *dev = integer_argument(env, info, &size);
  if (dev == NULL) return NULL;
  int result = outcome(ioctl(dev->fd, TUNSETVNETHDRSZ, &size));
  if (result == 0) result = outcome(ioctl(dev->fd, TUNSETVNETLE, &little));
  return tapdev_result(env, result);
}

static napi_value vnet_header_size(napi_env env, napi_callback_info info) {
  int size = 0;
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int result = outcome(ioctl(dev->fd, TUNGETVNETHDRSZ, &size));
  return tapdev_result(env, result < 0 ? result : size);
}

static napi_value set_send_buffer(napi_env env, napi_callback_info info) {
  int32_t bytes;
  tapdev *dev = integer_argument(env, info, &bytes);
  if (dev == NULL) return NULL;
  return tapdev_result(env, outcome(ioctl(dev->fd, TUNSETSNDBUF, &bytes)));
}

static napi_value attach_queue(napi_env env, napi_callback_info info) {
  int32_t on;
  struct ifreq request;
  tapdev *dev = integer_argument(env, info, &on);
  if (dev == NULL) return NULL;
  memset(&request, 0, sizeof request);
  request.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
  return tapdev_result(env, outcome(ioctl(dev->fd, TUNSETQUEUE, &request)));
}

static napi_value interface_name(napi_env env, napi_callback_info info) {
  char name[IFNAMSIZ];
  napi_value result;
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int failed = tapdev_identify(dev->fd, name, sizeof name, NULL);
  if (failed < 0) return tapdev_result(env, failed);
  return napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result) == napi_ok ? result : NULL;
}

/* The descriptor itself answers for the address, in whichever namespace the interface is. */
static napi_value hardware_address(napi_env env, napi_callback_info info) {
  struct ifreq request;
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  memset(&request, 0, sizeof request);
  if (ioctl(dev->fd, SIOCGIFHWADDR, &request) < 0) return tapdev_result(env, -errno);
  return mac_result(env, (const uint8_t *)request.ifr_hwaddr.sa_data);
}

static napi_value set_hardware_address(napi_env env, napi_callback_info info) {
  napi_value argument;
  double value = 0;
  struct ifreq request;
  tapdev *dev = tapdev_arguments(env, info, 1, &argument);
  if (dev == NULL) return NULL;
  (void)napi_get_value_double(env, argument, &value);
  if (!(value >= 0 && value < 281474976710656.0)) return tapdev_result(env, -EINVAL);
  uint64_t mac = (uint64_t)value;
  memset(&request, 0, sizeof request);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  for (size_t i = 0; i < MAC_BYTES; i++) request.ifr_hwaddr.sa_data[i] = (char)(mac >> (8 * (MAC_BYTES - 1 - i)));
  return tapdev_result(env, outcome(ioctl(dev->fd, SIOCSIFHWADDR, &request)));
}

/* Of the interface. */

/* Whether the interface is known to live in another network namespace than this thread. */
static bool elsewhere(int fd) {
  struct stat theirs;
  struct stat ours;
  int ns = ioctl(fd, TUNGETDEVNETNS);
  if (ns < 0) return false;
  bool differ = fstat(ns, &theirs) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0 &&
                (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
  close(ns);
  return differ;
}

/*
 * One SIOC* call for the interface under its current name: 0 or a negated errno, -ENODEV when it lives in another network
 * namespace, where its name may be anyone's.
 */
static int interface_call(const tapdev *dev, unsigned long call, struct ifreq *request) {
  char name[IFNAMSIZ];
  int result = tapdev_identify(dev->fd, name, sizeof name, NULL);
  if (result < 0) return result;
  if (elsewhere(dev->fd)) return -ENODEV;
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return -errno;
  memcpy(request->ifr_name, name, sizeof name);
  result = outcome(ioctl(control, call, request));
  close(control);
  return result;
}

static napi_value interface_index(napi_env env, napi_callback_info info) {
  struct ifreq request = {0};
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int result = interface_call(dev, SIOCGIFINDEX, &request);
  return tapdev_result(env, result < 0 ? result : request.ifr_ifindex);
}

static napi_value interface_mtu(napi_env env, napi_callback_info info) {
  struct ifreq request = {0};
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int result = interface_call(dev, SIOCGIFMTU, &request);
  return tapdev_result(env, result < 0 ? result : request.ifr_mtu);
}

static napi_value set_interface_mtu(napi_env env, napi_callback_info info) {
  int32_t mtu;
  struct ifreq request = {0};
  tapdev *dev = integer_argument(env, info, &mtu);
  if (dev == NULL) return NULL;
  request.ifr_mtu = mtu;
  return tapdev_result(env, interface_call(dev, SIOCSIFMTU, &request));
}

static napi_value queue_length(napi_env env, napi_callback_info info) {
  struct ifreq request = {0};
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int result = interface_call(dev, SIOCGIFTXQLEN, &request);
  return tapdev_result(env, result < 0 ? result : request.ifr_qlen);
}

static napi_value interface_flags(napi_env env, napi_callback_info info) {
  struct ifreq request = {0};
  tapdev *dev = tapdev_arguments(env, info, 0, NULL);
  if (dev == NULL) return NULL;
  int result = interface_call(dev, SIOCGIFFLAGS, &request);
  return tapdev_result(env, result < 0 ? result : (uint16_t)request.ifr_flags);
}

static napi_value set_up(napi_env env, napi_callback_info info) {
  int32_t on;
  struct ifreq request = {0};
  tapdev *dev = integer_argument(env, info, &on);
  if (dev == NULL) return NULL;
  int result = interface_call(dev, SIOCGIFFLAGS, &request);
  if (result < 0) return tapdev_result(env, result);
  request.ifr_flags = (short)(on ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return tapdev_result(env, interface_call(dev, SIOCSIFFLAGS, &request));
}

const tapdev_method tapdev_control_methods[] = {
  {"setCarrier", set_carrier},
  {"setPersist", set_persist},
  {"setOffload", set_offload},
  {"setVnetHeaderSize", set_vnet_header_size},
  {"vnetHeaderSize", vnet_header_size},
  {"setSendBuffer", set_send_buffer},
  {"attachQueue", attach_queue},
  {"interfaceName", interface_name},
  {"hardwareAddress", hardware_address},
  {"setHardwareAddress", set_hardware_address},
  {"interfaceIndex", interface_index},
  {"mtu", interface_mtu},
  {"setMtu", set_interface_mtu},
  {"queueLength", queue_length},
  {"interfaceFlags", interface_flags},
  {"setUp", set_up},
  {NULL, NULL},
};
