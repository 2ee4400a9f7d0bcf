#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the root of a machine of which a boot log tells the firmware's memory map, the SRAT and the CPUs of each node.

    boot_log_root.py FILE.txt DIRECTORY

The file has sections [e820], [srat], [cpus] and [expected], the last being what the kernel found: it decides which nodes
link a memory block, as the kernel's sections do, and what zoneinfo counts. The other sections are told as they are."""
import importlib.util
import os
import re
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("synthetic_root", Path(__file__).with_name("synthetic-root.py"))
synthetic = importlib.util.module_from_spec(spec)
spec.loader.exec_module(synthetic)

RANGE = r"0x([0-9a-f]+)-0x([0-9a-f]+)"
KINDS = {"usable": "System RAM", "reserved": "Reserved", "ACPI data": "ACPI Tables",
         "ACPI NVS": "ACPI Non-volatile Storage", "unusable": "Unusable memory"}


def sections(text):
    return dict(re.findall(r"^\[([a-z0-9-]+)\][^\n]*\n(.*?)(?=^\[[a-z]+[a-z0-9-]*\]\s|^# check|\Z)", text, re.M | re.S))


def cpus_of(text):
    runs = [run.split("-") for run in text.split(",") if run]
    return [cpu for run in runs for cpu in range(int(run[0]), int(run[-1]) + 1)]


def node_ranges(text):
    """node -> [(start, end)], ends not included."""
    nodes = {}
    for node, start, last in re.findall(rf"^node (\d+) {RANGE}", text, re.M):
        nodes.setdefault(int(node), []).append((int(start, 16), int(last, 16) + 1))
    return nodes


class BootLog:
    """Has what the writers of synthetic-root.py ask of a machine."""
    threads = 1

    def __init__(self, text):
        parts = sections(text)
        self.expected = node_ranges(parts["expected"])
        self.cpu_lists = {int(node): cpus_of(cpus) for node, cpus in re.findall(r"^(\d+):(\S*)", parts.get("cpus", ""), re.M)}
        if not self.cpu_lists:  # a log without them: two each
            self.cpu_lists = {node: [2 * node, 2 * node + 1] for node in self.expected}
        self.n_nodes = max([*self.expected, *self.cpu_lists]) + 1
        self.nodes = [self.expected.get(node, []) for node in range(self.n_nodes)]
        self.n_cpus = max(cpu for cpus in self.cpu_lists.values() for cpu in cpus) + 1
        self.cores = self.per_node = max(map(len, self.cpu_lists.values()))
        self.e820 = [(int(start, 16), int(last, 16) + 1, KINDS.get(kind.strip(), "Unknown E820 type"))
                     for start, last, kind in re.findall(rf"\[mem {RANGE}\] (.*)", parts["e820"])]
        self.srat = [(int(pxm), int(start, 16), int(last, 16) + 1, "hotplug" in flags, int(node))
                     for node, pxm, start, last, flags in
                     re.findall(rf"^node (\d+) pxm (\d+) {RANGE}(.*)", parts.get("srat", ""), re.M)]
        self.domains = {node: pxm for pxm, *_, node in self.srat}
        self.block = self.block_size(text)

    def block_size(self, text):
        """As told, else the kernel's own rule (probe_memory_block_size() in arch/x86/mm/init_64.c)."""
        told = re.search(r"block size (\d+) MiB", text)
        if told:
            return int(told.group(1)) << 20
        end = max(end for ranges in self.nodes for _, end in ranges)
        block = 2 << 30 if end >= 64 << 30 else 128 << 20
        while end % block and block > 128 << 20:
            block //= 2
        return block

    def ram(self, node):
        return self.nodes[node]

    def node_cpus(self, node):
        return self.cpu_lists.get(node, [])

    def core_cpus(self, node, core):
        return [self.cpu_lists[node][core]]

    def apic_id(self, node, core, _thread):
        return node << 6 | core << 1

    def each_cpu(self):
        return sorted((cpu, node, core, 0) for node, cpus in self.cpu_lists.items() for core, cpu in enumerate(cpus))


def write_memory_map(root, m):
    for i, (start, end, kind) in enumerate(m.e820):
        root.files(f"sys/firmware/memmap/{i}", {"start": f"{start:#x}", "end": f"{end - 1:#x}", "type": kind})
    lines = ["00000000-00000fff : Reserved"]
    lines += [f"{max(start, 0x1000):08x}-{end - 1:08x} : {kind}" for start, end, kind in sorted(m.e820) if end > 0x1000]
    root.write("proc/iomem", "\n".join(lines))


def write(text, directory):
    root, m = synthetic.Root(str(directory)), BootLog(text)
    for part in ("cpus", "cpuinfo", "nodes", "blocks", "zones"):
        getattr(synthetic, f"write_{part}")(root, m)
    write_memory_map(root, m)
    if m.srat:
        body = b"".join(synthetic.srat_cpu(m.domains.get(node, 0xc0 + node), m.apic_id(node, core, 0))
                        for _, node, core, _ in m.each_cpu())
        body += b"".join(synthetic.srat_memory(pxm, start, end, 3 if hotplug else 1)
                         for pxm, start, end, hotplug, _ in m.srat)
        synthetic.write_srat_table(root, body)
    root.write("proc/cmdline", "quiet")
    return m


if __name__ == "__main__":
    os.mkdir(sys.argv[2])
    write(Path(sys.argv[1]).read_text(), sys.argv[2])
