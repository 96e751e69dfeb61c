"""The machine that packetdrill scripts run on when the stack under test is the kernel's.

Makes a network namespace of its own, which ends with this process, with one TUN device in it, and does what it is
asked for on stdin, a JSON object a line; answers, and the packets that the kernel sends, go to stdout in the same way.
Every request has an `id`, an `op`, and may have `at`, the time at which it is to be done: microseconds of
CLOCK_MONOTONIC, as are all times in answers. Requests are done in order.

  inject  data            a packet arrives on the device
  call    fn args thread  a function of libc; with `thread` it may block and is answered when it returns
  read    path            the text of a file
  write   path value      writes a file: a sysctl
  run     argv            runs a program
"""

import base64
import collections
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
PR_SET_TIMERSLACK = 29
PACKET_MAX = 65600
# A call that should not block is interrupted after so many seconds.
CALL_LIMIT = 1.0

libc = ctypes.CDLL(None, use_errno=True)
output = threading.Lock()


def now():
    return time.monotonic_ns() // 1000


def say(message):
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    with output:
        while line:
            line = line[os.write(1, line):]


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class MessageHeader(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p), ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class Buffer:
    """Memory that a call reads (`in`, `zero`), fills (`out`) or both (`inout`)."""

    def __init__(self, spec):
        if "zero" in spec:
            data = bytes(spec["zero"])
        elif "out" in spec:
            data = bytes(spec["out"])
        else:
            data = bytes.fromhex(spec.get("in", spec.get("inout", "")))
        self.length = len(data)
        self.memory = ctypes.create_string_buffer(data, max(1, self.length))
        self.fills = "out" in spec or "inout" in spec

    def address(self):
        return ctypes.addressof(self.memory)

    def results(self, returned):
        return [self.memory.raw[:self.length].hex()] if self.fills else []


class Vectors:
    """An array of struct iovec."""

    def __init__(self, specs):
        self.buffers = [None if "null" in spec else Buffer(spec) for spec in specs]
        self.lengths = [spec["null"] if buffer is None else buffer.length
                        for spec, buffer in zip(specs, self.buffers)]
        self.array = (IoVector * max(1, len(specs)))()
        for vector, buffer, length in zip(self.array, self.buffers, self.lengths):
            vector.base = buffer.address() if buffer is not None else None
            vector.length = length

    def address(self):
        return ctypes.addressof(self.array)

    def results(self, returned):
        filled = b"".join(b.memory.raw[:b.length] for b in self.buffers if b is not None and b.fills)
        return [filled[:max(0, returned)].hex()]


class Message:
    """A struct msghdr with all that it points to."""

    def __init__(self, spec):
        self.vectors = Vectors(spec["iov"])
        self.name = Buffer(spec["name"]) if spec.get("name") else None
        self.control = Buffer(spec["control"]) if spec.get("control") else None
        header = MessageHeader()
        header.vectors = self.vectors.address()
        header.vector_count = len(spec["iov"])
        if self.name is not None:
            header.name, header.name_length = self.name.address(), self.name.length
        if self.control is not None:
            header.control, header.control_length = self.control.address(), self.control.length
        self.header = header

    def address(self):
        return ctypes.addressof(self.header)

    def results(self, returned):
        name = self.name.memory.raw[:self.header.name_length].hex() if self.name else ""
        control = self.control.memory.raw[:self.header.control_length].hex() if self.control else ""
        return self.vectors.results(returned) + [name, control, self.header.flags & 0xFFFFFFFF]


def memory_for(spec):
    if "iov" in spec:
        return Message(spec)
    if "vectors" in spec:
        return Vectors(spec["vectors"])
    return Buffer(spec)


def call(function, specs):
    """Calls a function of libc: what it returned, the errno, and what it filled in."""
    memories = [memory_for(spec) if isinstance(spec, dict) else None for spec in specs]
    arguments = [ctypes.c_long(spec) if memory is None else ctypes.c_void_p(memory.address())
                 for spec, memory in zip(specs, memories)]
    ctypes.set_errno(0)
    returned = getattr(libc, function)(*arguments)
    failure = ctypes.get_errno() if returned < 0 else 0
    ended = now()
    results = [result for memory in memories if memory is not None for result in memory.results(returned)]
    return {"t": ended, "r": returned, "e": failure, "o": results}


class Agent:
    def __init__(self, config):
        self.config = config
        self.requests = collections.deque()
        self.tun = self.open_device()
        self.partial = b""

    def open_device(self):
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
        libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
        flags = IFF_TUN | IFF_NO_PI | (IFF_VNET_HDR if self.config.get("segmentSize") else 0)
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", flags))
        try:
            with open("/proc/sys/net/ipv6/conf/tun0/disable_ipv6", "w") as file:
                file.write("1")
        except FileNotFoundError:
            pass
        commands = "\n".join([
            "link set lo up",
            "addr add %s/%d dev tun0" % (self.config["local"], self.config["prefixLength"]),
            "link set tun0 mtu %d up" % self.config["mtu"],
            "route add default dev tun0",
        ])
        subprocess.run(["ip", "-batch", "-"], input=commands.encode(), check=True, stdout=subprocess.DEVNULL)
        return tun

    def serve(self):
        say({"ready": now(), "epoch": time.time_ns() // 1000 - now()})
        while True:
            timeout = None
            if self.requests:
                timeout = max(0, self.requests[0].get("at", 0) - now()) / 1e6
            readable, _, _ = select.select([0, self.tun], [], [], timeout)
            if self.tun in readable:
                self.pass_packets()
            if 0 in readable and not self.take_requests():
                return
            while self.requests and self.requests[0].get("at", 0) <= now():
                self.answer(self.requests.popleft())

    def take_requests(self):
        data = os.read(0, 1 << 20)
        lines = (self.partial + data).split(b"\n")
        self.partial = lines.pop()
        self.requests.extend(json.loads(line) for line in lines)
        return len(data) > 0

    def pass_packets(self):
        header = 10 if self.config.get("segmentSize") else 0
        while True:
            try:
                packet = os.read(self.tun, PACKET_MAX)
            except BlockingIOError:
                return
            say({"out": base64.b64encode(packet[header:]).decode(), "t": now()})

    def answer(self, request):
        if request["op"] == "call" and request.get("thread"):
            threading.Thread(target=self.call_in_thread, args=(request,), daemon=True).start()
            return
        try:
            answer = getattr(self, "do_" + request["op"])(request)
        except OSError as error:
            answer = {"error": str(error), "errno": error.errno}
        answer.setdefault("t", now())
        answer["id"] = request["id"]
        say(answer)

    def call_in_thread(self, request):
        answer = call(request["fn"], request["args"])
        answer["id"] = request["id"]
        say(answer)

    def do_inject(self, request):
        packet = base64.b64decode(request["data"])
        size = self.config.get("segmentSize")
        arrived = now()
        os.write(self.tun, self.vnet_header(packet, size) + packet if size else packet)
        return {"t": arrived}

    @staticmethod
    def vnet_header(packet, size):
        """struct virtio_net_hdr: a TCP packet with more payload than `size` arrives as one made of several."""
        ip_header = (packet[0] & 15) * 4
        if packet[9] != 6:
            return bytes(10)
        header = ip_header + (packet[ip_header + 12] >> 4) * 4
        if len(packet) - header <= size:
            return bytes(10)
        return struct.pack("<BBHHHH", 2, 1, header, size, 0, 0)

    def do_call(self, request):
        signal.setitimer(signal.ITIMER_REAL, CALL_LIMIT)
        answer = call(request["fn"], request["args"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        if answer["e"] == errno.EINTR:
            answer["blocks"] = True
        return answer

    def do_read(self, request):
        with open(request["path"]) as file:
            return {"text": file.read()}

    def do_write(self, request):
        with open(request["path"], "w") as file:
            file.write(request["value"] + "\n")
        return {}

    def do_run(self, request):
        done = subprocess.run(request["argv"], capture_output=True, stdin=subprocess.DEVNULL)
        return {"status": done.returncode, "text": (done.stdout + done.stderr).decode(errors="replace")}


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, lambda signum, frame: None)
    sys.setswitchinterval(0.0005)
    Agent(json.loads(sys.argv[1])).serve()
