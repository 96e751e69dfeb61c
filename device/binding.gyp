{
  "targets": [
    {
      "target_name": "tapdev",
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=c11", "-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "conditions": [
        ["OS=='linux'", {"sources": ["native/tapdev.c", "native/ring.c", "native/control.c", "native/copy.c"]}],
        ["OS!='linux'", {"sources": ["native/unsupported.c"]}]
      ]
    }
  ]
}
