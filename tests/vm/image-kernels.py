#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""image-kernels.py BZIMAGE OUT: kernel images for the tests in OUT: vmlinux (what the bzImage unpacks to) and damaged
ones that must be refused."""
import lzma
import struct
import subprocess
import sys
from pathlib import Path

HDR_PAYLOAD_OFFSET, HDR_PAYLOAD_LENGTH, HDR_SETUP_SECTS = 0x248, 0x24C, 0x1F1  # boot protocol 2.08
HDR_XLOADFLAGS, HDR_INIT_SIZE = 0x236, 0x260


def u32(data, offset):
    return struct.unpack_from("<I", data, offset)[0]


def unpack(payload):
    """The ELF file in a compressed payload; the kernel appends its size, 4 bytes."""
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    for magic, tool in (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4"):
        if payload.startswith(magic):
            return subprocess.run([tool, "-dc"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    raise SystemExit(f"payload starts with {payload[:4].hex()}: not xz, zstd or lz4")


def main(source, out):
    image = Path(source).read_bytes()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    start = (image[HDR_SETUP_SECTS] + 1) * 512 + u32(image, HDR_PAYLOAD_OFFSET)
    (out / "vmlinux").write_bytes(unpack(image[start:start + u32(image, HDR_PAYLOAD_LENGTH)]))

    (out / "truncated").write_bytes(image[:len(image) // 2])
    (out / "empty").write_bytes(b"")
    (out / "text").write_bytes(b"This is no kernel.\n" * 1000)
    only_32_bit = bytearray(image)
    only_32_bit[HDR_XLOADFLAGS] &= ~1  # XLF_KERNEL_64
    (out / "32bit").write_bytes(only_32_bit)
    too_large = bytearray(image)
    struct.pack_into("<I", too_large, HDR_INIT_SIZE, 0x7FFFF000)
    (out / "too-large").write_bytes(too_large)


if __name__ == "__main__":
    main(*sys.argv[1:])
