#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the root of a made-up x86-64 NUMA machine: what /proc and /sys of such a machine tell, as files.

Every part agrees with the others (blocks, zones, SRAT, APIC ids), so that the machine can be planned. CPU
numbers run as on real machines: first the first thread of every core, then the second threads.
"""
import argparse
import os
import struct

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4 * KIB
LOW_END = 2 * GIB      # RAM below the hole for PCI
HIGH_START = 4 * GIB   # and where it goes on
DMA_END = 16 * MIB
UNITS = {"K": KIB, "M": MIB, "G": GIB}


def size(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def cpu_list(cpus):
    runs = []
    for cpu in sorted(cpus):
        if runs and runs[-1][1] == cpu - 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def cpu_mask(cpus, n_cpus):
    digits = f"{sum(1 << cpu for cpu in cpus):0{max(1, -(-n_cpus // 4))}x}"
    groups = []
    while digits:
        digits, group = digits[:-8], digits[-8:]
        groups.insert(0, group)
    return ",".join(groups)


class Machine:
    def __init__(self, o):
        self.n_nodes, self.threads = o.nodes, o.threads
        self.per_node = o.cpus // o.nodes
        self.n_cpus = self.per_node * self.n_nodes
        self.cores = self.per_node // self.threads
        if self.cores * self.threads * self.n_nodes != o.cpus:
            raise SystemExit("--cpus must be a multiple of --nodes times --threads")
        self.cmdline = o.cmdline
        self.lay_out_memory(o.node_memory)

    def lay_out_memory(self, node_memory):
        """Per node the ranges its firmware memory covers, the hole for PCI left out."""
        self.nodes, at = [], 0
        for _ in range(self.n_nodes):
            ranges, left = [], node_memory
            while left:
                if at == LOW_END:
                    at = HIGH_START
                piece = min(left, LOW_END - at) if at < LOW_END else left
                ranges.append((at, at + piece))
                at, left = at + piece, left - piece
            self.nodes.append(ranges)
        self.end = at
        self.block = 128 * MIB  # the kernel's own rule: probe_memory_block_size()
        if self.end >= 64 * GIB:
            self.block = 2 * GIB
            while self.end % self.block:
                self.block //= 2

    def ram(self, node):
        """What the kernel calls System RAM: without the BIOS area and what it keeps below the hole."""
        for start, end in self.nodes[node]:
            if start == 0:
                yield 0x1000, 0x9fc00
                start = MIB
            yield start, end

    def cpu(self, node, core, thread):
        return thread * self.cores * self.n_nodes + node * self.cores + core

    def core_cpus(self, node, core):
        return [self.cpu(node, core, t) for t in range(self.threads)]

    def node_cpus(self, node):
        return [c for core in range(self.cores) for c in self.core_cpus(node, core)]

    def apic_id(self, node, core, thread):
        thread_bits = (self.threads - 1).bit_length()
        core_bits = (self.cores - 1).bit_length()
        return node << (core_bits + thread_bits) | core << thread_bits | thread

    def each_cpu(self):
        """(cpu, node, core, thread), ascending."""
        for thread in range(self.threads):
            for node in range(self.n_nodes):
                for core in range(self.cores):
                    yield self.cpu(node, core, thread), node, core, thread


class Root:
    """Files and links below one directory."""

    def __init__(self, path):
        self.path = path

    def write(self, name, content):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        data = content if isinstance(content, bytes) else f"{content}\n".encode()
        with open(path, "wb") as f:
            f.write(data)

    def files(self, directory, contents):
        for name, content in contents.items():
            self.write(f"{directory}/{name}", content)

    def link(self, name, target):
        """A relative link, both named from the root, as sysfs has them."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.relpath(os.path.join(self.path, target), os.path.dirname(path)), path)


def write_cpus(root, m):
    everyone = cpu_list(range(m.n_cpus))
    base = "sys/devices/system/cpu"
    root.files(base, {"online": everyone, "possible": everyone, "present": everyone, "offline": "",
                      "isolated": "", "kernel_max": 8191})
    for cpu, node, core, _ in m.each_cpu():
        here = f"{base}/cpu{cpu}"
        if cpu:
            root.write(f"{here}/online", 1)
        root.link(f"{here}/node{node}", f"sys/devices/system/node/node{node}")
        threads, package = m.core_cpus(node, core), m.node_cpus(node)
        sets = {"core_cpus": threads, "thread_siblings": threads, "package_cpus": package,
                "core_siblings": package, "die_cpus": package, "cluster_cpus": threads}
        for name, cpus in sets.items():
            root.files(f"{here}/topology", {name: cpu_mask(cpus, m.n_cpus), f"{name}_list": cpu_list(cpus)})
        root.files(f"{here}/topology", {"core_id": core, "physical_package_id": node, "die_id": 0,
                                        "cluster_id": core})
        write_caches(root, m, f"{here}/cache", node * m.cores + core, threads, node, package)


def write_caches(root, m, here, core_number, threads, node, package):
    levels = [("1", "Data", "32K", core_number, threads), ("1", "Instruction", "32K", core_number, threads),
              ("2", "Unified", "1024K", core_number, threads), ("3", "Unified", "32768K", node, package)]
    for i, (level, kind, capacity, number, cpus) in enumerate(levels):
        root.files(f"{here}/index{i}", {
            "level": level, "type": kind, "size": capacity, "id": number, "coherency_line_size": 64,
            "number_of_sets": 64, "physical_line_partition": 1, "ways_of_associativity": 8,
            "shared_cpu_list": cpu_list(cpus), "shared_cpu_map": cpu_mask(cpus, m.n_cpus)})


def write_cpuinfo(root, m):
    text = ""
    for cpu, node, core, thread in m.each_cpu():
        apic = m.apic_id(node, core, thread)
        text += (f"processor\t: {cpu}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
                 f"model name\t: Synthetic CPU\nstepping\t: 7\ncpu MHz\t\t: 2500.000\n"
                 f"cache size\t: 32768 KB\nphysical id\t: {node}\nsiblings\t: {m.per_node}\n"
                 f"core id\t\t: {core}\ncpu cores\t: {m.cores}\napicid\t\t: {apic}\ninitial apicid\t: {apic}\n"
                 f"fpu\t\t: yes\nwp\t\t: yes\n"
                 f"flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep mtrr pge cmov pat clflush mmx fxsr sse "
                 f"sse2 ht syscall nx pdpe1gb rdtscp lm constant_tsc nonstop_tsc cx16 x2apic hypervisor\n"
                 f"bugs\t\t:\nbogomips\t: 5000.00\nclflush size\t: 64\ncache_alignment\t: 64\n"
                 f"address sizes\t: 46 bits physical, 48 bits virtual\npower management:\n\n")
    root.write("proc/cpuinfo", text.encode())


def write_nodes(root, m):
    base, everyone = "sys/devices/system/node", cpu_list(range(m.n_nodes))
    root.files(base, {name: everyone for name in ("online", "possible", "has_cpu", "has_memory",
                                                  "has_normal_memory")})
    root.write(f"{base}/has_generic_initiator", "")
    for node in range(m.n_nodes):
        here, cpus = f"{base}/node{node}", m.node_cpus(node)
        kib = sum(end - start for start, end in m.ram(node)) // KIB
        root.files(here, {
            "cpulist": cpu_list(cpus), "cpumap": cpu_mask(cpus, m.n_cpus),
            "distance": " ".join("10" if other == node else "21" for other in range(m.n_nodes)),
            "meminfo": f"Node {node} MemTotal: {kib:14} kB\nNode {node} MemFree: {kib // 2:15} kB",
            "hugepages/hugepages-2048kB/nr_hugepages": 0, "hugepages/hugepages-2048kB/free_hugepages": 0,
            "hugepages/hugepages-1048576kB/nr_hugepages": 0})
        for cpu in cpus:
            root.link(f"{here}/cpu{cpu}", f"sys/devices/system/cpu/cpu{cpu}")


def write_blocks(root, m):
    base = "sys/devices/system/memory"
    root.write(f"{base}/block_size_bytes", f"{m.block:x}")
    owners = {}
    for node, ranges in enumerate(m.nodes):
        for start, end in ranges:
            for block in range(start // m.block, -(-end // m.block)):
                owners.setdefault(block, {})[node] = True
    for block, nodes in owners.items():
        here = f"{base}/memory{block}"
        root.files(here, {"state": "online", "online": 1, "phys_index": f"{block:08x}", "phys_device": 0,
                          "removable": 1, "valid_zones": "none" if len(nodes) > 1 else "Normal"})
        for node in nodes:
            root.link(f"{here}/node{node}", f"sys/devices/system/node/node{node}")
            root.link(f"sys/devices/system/node/node{node}/memory{block}", here)


def write_zones(root, m):
    limits = [("DMA", 0, DMA_END), ("DMA32", DMA_END, HIGH_START), ("Normal", HIGH_START, 1 << 52)]
    text = ""
    for node in range(m.n_nodes):
        for name, low, high in limits:
            pages = [(-(-max(a, low) // PAGE), min(b, high) // PAGE) for a, b in m.ram(node)
                     if max(a, low) < min(b, high)]
            present = sum(b - a for a, b in pages)
            spanned = pages[-1][1] - pages[0][0] if pages else 0
            text += (f"Node {node}, zone {name:>8}\n  pages free     {present // 2}\n        min      16\n"
                     f"        low      20\n        high     24\n        spanned  {spanned}\n"
                     f"        present  {present}\n        managed  {present}\n")
            if pages:
                text += f"  node_unreclaimable:  0\n  start_pfn:           {pages[0][0]}\n"
    root.write("proc/zoneinfo", text.encode())


def write_memory_map(root, m):
    firmware = [(0x9fc00, 0xa0000, "Reserved"), (0xf0000, MIB, "Reserved"),
                (0xb0000000, 0xc0000000, "Reserved"), (0xfee00000, 0xfee01000, "Reserved")]
    ram = [(start, end) for node in range(m.n_nodes) for start, end in m.ram(node)]
    merged = []
    for start, end in ram:
        if merged and merged[-1][1] == start:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    entries = sorted([(s if s != 0x1000 else 0, e, "System RAM") for s, e in merged] + firmware)
    for i, (start, end, kind) in enumerate(entries):
        root.files(f"sys/firmware/memmap/{i}",
                   {"start": f"{start:#x}", "end": f"{end - 1:#x}", "type": kind})

    inside = {MIB: "  02000000-033fffff : Kernel code\n  03400000-03ffffff : Kernel rodata\n"
                   "  04000000-045fffff : Kernel data\n  04c00000-051fffff : Kernel bss\n",
              0xf0000: "  000f0000-000fffff : System ROM\n"}
    text = "00000000-00000fff : Reserved\n"
    for start, end, kind in sorted([(*r, "System RAM") for r in merged] + firmware +
                                   [(0xa0000, 0xc0000, "PCI Bus 0000:00"),
                                    (0xc0000000, 0xfe000000, "PCI Bus 0000:00"),
                                    (0xfec00000, 0xfec00400, "IOAPIC 0")]):
        text += f"{start:08x}-{end - 1:08x} : {kind}\n" + inside.get(start, "")
    root.write("proc/iomem", text.encode())


def srat_cpu(domain, apic):
    """ACPI 6.5 section 5.2.16: a Local APIC or Local x2APIC Affinity structure, enabled."""
    if apic < 255:
        return struct.pack("<BBBBIB3sI", 0, 16, domain & 0xff, apic, 1, 0, (domain >> 8).to_bytes(3, "little"), 0)
    return struct.pack("<BBHIIIII", 2, 24, 0, domain, apic, 1, 0, 0)


def srat_memory(domain, start, end, flags=1):
    return struct.pack("<BBIHQQIIQ", 1, 40, domain, 0, start, end - start, 0, flags, 0)


def write_srat_table(root, body):
    header = struct.pack("<4sIBB6s8sI4sIIQ", b"SRAT", 48 + len(body), 3, 0, b"SYNTH ", b"MACHINE ", 1, b"SYNT",
                         1, 1, 0)
    table = bytearray(header + body)
    table[9] = -sum(table) & 0xff
    root.write("sys/firmware/acpi/tables/SRAT", bytes(table))


def write_srat(root, m):
    body = b"".join(srat_cpu(node, m.apic_id(node, core, thread)) for _, node, core, thread in m.each_cpu())
    body += b"".join(srat_memory(node, *r) for node, ranges in enumerate(m.nodes) for r in ranges)
    write_srat_table(root, body)


def pci_function(root, path, ids, kind, node, group, bridge_to=None, driver=None):
    """One function; `path` is its directory below sys/devices, `kind` the 24-bit class code."""
    here, address = f"sys/devices/{path}", os.path.basename(path)
    vendor, device = ids
    config = bytearray(64)
    struct.pack_into("<HHHHBBBB", config, 0, vendor, device, 7, 0x10, 1, kind & 0xff, kind >> 8 & 0xff, kind >> 16)
    if bridge_to is not None:
        config[14] = 1
        bus = int(address.split(":")[1], 16)
        config[24:27] = bytes([bus, bridge_to, bridge_to])
        root.files(here, {"secondary_bus_number": bridge_to, "subordinate_bus_number": bridge_to})
    root.files(here, {"vendor": f"{vendor:#06x}", "device": f"{device:#06x}", "class": f"{kind:#08x}",
                      "subsystem_vendor": "0x0000", "subsystem_device": "0x0000", "revision": "0x01",
                      "numa_node": node, "irq": 0, "enable": 1, "config": bytes(config),
                      "resource": "\n".join(["0x0000000000000000 " * 2 + "0x0000000000000000"] * 13)})
    root.link(f"sys/bus/pci/devices/{address}", here)
    bound = [f"DRIVER={driver}"] if driver else []
    root.write(f"{here}/uevent", "\n".join(bound + [f"PCI_CLASS={kind:X}", f"PCI_ID={vendor:04X}:{device:04X}",
                                                    f"PCI_SLOT_NAME={address}"]))
    root.write(f"sys/kernel/iommu_groups/{group}/type", "DMA")
    root.link(f"{here}/iommu_group", f"sys/kernel/iommu_groups/{group}")
    if driver:
        os.makedirs(os.path.join(root.path, f"sys/bus/pci/drivers/{driver}"), exist_ok=True)
        root.link(f"{here}/driver", f"sys/bus/pci/drivers/{driver}")


def write_pci(root, m, n_virtual):
    """A chipset at node 0, and on each node a root port with a network card of one and the same model, which may have
    virtual functions (SR-IOV) behind the same port."""
    pci_function(root, "pci0000:00/0000:00:00.0", (0x8086, 0x2020), 0x060000, 0, 0)
    pci_function(root, "pci0000:00/0000:00:1f.0", (0x8086, 0xa1c1), 0x060100, 0, 1)
    pci_function(root, "pci0000:00/0000:00:1f.2", (0x8086, 0xa182), 0x010601, 0, 1, driver="ahci")
    step = min(0x20, 0xfc // m.n_nodes & ~1)
    for node in range(m.n_nodes):
        bus, group = node * step + 2, 10 + (2 + n_virtual) * node
        port = f"pci0000:{bus:02x}/0000:{bus:02x}:00.0"
        pci_function(root, port, (0x8086, 0x2030), 0x060400, node, group, bridge_to=bus + 1, driver="pcieport")
        pci_function(root, f"{port}/0000:{bus + 1:02x}:00.0", (0x8086, 0x10fb), 0x020000, node, group + 1,
                     driver="ixgbe")
        for i in range(1, n_virtual + 1):
            pci_function(root, f"{port}/0000:{bus + 1:02x}:{i >> 3:02x}.{i & 7}", (0x8086, 0x10ed), 0x020000, node,
                         group + 1 + i, driver="ixgbevf")


def write_serial(root):
    """Two 16550A ports; the other two that the kernel makes room for are not there."""
    for i, port in enumerate((0x3f8, 0x2f8, 0x3e8, 0x2e8)):
        here = f"sys/devices/platform/serial8250/tty/ttyS{i}"
        root.files(here, {"port": f"0x{port:X}", "type": 4 if i < 2 else 0, "irq": (4, 3)[i % 2],
                          "io_type": 0, "uartclk": 1843200, "line": i})
        root.link(f"sys/class/tty/ttyS{i}", here)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--cpus", type=int, default=8, help="of the whole machine")
    parser.add_argument("--threads", type=int, default=1, help="of a core")
    parser.add_argument("--node-memory", type=size, default=GIB, help="1G")
    parser.add_argument("--cmdline", default="BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro console=ttyS0")
    parser.add_argument("--virtual-functions", type=int, default=0, help="of each node's network card, at most 255")
    parser.add_argument("directory", help="must not exist yet")
    options = parser.parse_args()

    os.mkdir(options.directory)
    root, m = Root(options.directory), Machine(options)
    write_cpus(root, m)
    write_cpuinfo(root, m)
    write_nodes(root, m)
    write_blocks(root, m)
    write_zones(root, m)
    write_memory_map(root, m)
    write_srat(root, m)
    write_pci(root, m, options.virtual_functions)
    write_serial(root)
    root.write("proc/cmdline", m.cmdline)
    root.write("proc/version", "Linux version 6.1.0-synthetic (root@synthetic) #1 SMP")
    kib = sum(end - start for node in range(m.n_nodes) for start, end in m.ram(node)) // KIB
    root.write("proc/meminfo", f"MemTotal: {kib:15} kB\nMemFree: {kib // 2:16} kB")


if __name__ == "__main__":
    main()
