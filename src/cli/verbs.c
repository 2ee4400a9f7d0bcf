/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verbs.h"
#include "macros.h"

static const struct {
        const char *name;
        char letter;
} option_table[_OPTION_MAX] = {
        [OPTION_ADD] = { "add", 0 },
        [OPTION_ALIGNMENT] = { "alignment", 0 },
        [OPTION_CMDLINE] = { "cmdline", 0 },
        [OPTION_COUNT] = { "count", 0 },
        [OPTION_DIALECT] = { "dialect", 0 },
        [OPTION_DRY_RUN] = { "dry-run", 'n' },
        [OPTION_FOLLOW] = { "follow", 'f' },
        [OPTION_EXPLAIN] = { "explain", 0 },
        [OPTION_HELP] = { "help", 'h' },
        [OPTION_IMAGE] = { "image", 0 },
        [OPTION_IMAGE_SIZE] = { "image-size", 0 },
        [OPTION_INITRD] = { "initrd", 0 },
        [OPTION_INSTALL] = { "install", 0 },
        [OPTION_JSON] = { "json", 'j' },
        [OPTION_KERNEL] = { "kernel", 0 },
        [OPTION_LINES] = { "lines", 'n' },
        [OPTION_LOG] = { "log", 0 },
        [OPTION_MODULE] = { "module", 0 },
        [OPTION_NO_INITRD] = { "no-initrd", 0 },
        [OPTION_NO_DUMP] = { "no-dump", 0 },
        [OPTION_LOW_WINDOW] = { "low-window", 0 },
        [OPTION_NODES_PER_KERNEL] = { "nodes-per-kernel", 0 },
        [OPTION_NO_WAIT] = { "no-wait", 0 },
        [OPTION_ON_CRASH] = { "on-crash", 0 },
        [OPTION_ON_HANG] = { "on-hang", 0 },
        [OPTION_ON_POWEROFF] = { "on-poweroff", 0 },
        [OPTION_ON_REBOOT] = { "on-reboot", 0 },
        [OPTION_OUTPUT] = { "output", 'o' },
        [OPTION_PER_CORE] = { "per-core", 0 },
        [OPTION_PER_CPU] = { "per-cpu", 0 },
        [OPTION_PER_NUMA] = { "per-numa", 0 },
        [OPTION_PLAN] = { "plan", 0 },
        [OPTION_PRIMARY_CPUS] = { "primary-cpus", 0 },
        [OPTION_PRIMARY_MEMORY] = { "primary-memory", 0 },
        [OPTION_REQUEST] = { "request", 0 },
        [OPTION_ROOT] = { "root", 0 },
        [OPTION_SAVE] = { "save", 0 },
        [OPTION_SHARED] = { "shared", 0 },
        [OPTION_SSH_KEY] = { "ssh-key", 0 },
        [OPTION_SVG] = { "svg", 0 },
        [OPTION_TTY] = { "tty", 't' },
        [OPTION_WRAP] = { "wrap", 0 },
        [OPTION_YES] = { "yes", 'y' },
};

static const struct verb_option machine_options[] = {
        { OPTION_ROOT, "DIR|FILE", "read the captured machine under DIR, or in FILE, instead of this one" },
        { OPTION_JSON, NULL, "print the machine as JSON" },
};
static const struct verb_option capture_options[] = {
        { OPTION_ROOT, "DIR", "capture the machine under DIR instead of this one" },
};
static const struct verb_option plan_options[] = {
        { OPTION_PER_NUMA, NULL, "one kernel per NUMA node with CPUs (the default)" },
        { OPTION_PER_CORE, NULL, "one kernel per core, its hardware threads together" },
        { OPTION_PER_CPU, NULL, "one kernel per hardware thread" },
        { OPTION_COUNT, "N", "N kernels of near-equal size, the primary among them" },
        { OPTION_NODES_PER_KERNEL, "N", "N nodes to each kernel, near ones together" },
        { OPTION_REQUEST, "FILE", "the kernels that a request document names" },
        { OPTION_PRIMARY_CPUS, "LIST", "CPUs that the primary keeps (0-3,8)" },
        { OPTION_PRIMARY_MEMORY, "SIZE", "memory that the primary keeps at least" },
        { OPTION_ROOT, "DIR|FILE", "plan the captured machine under DIR, or in FILE, instead of this one" },
        { OPTION_ALIGNMENT, "SIZE", "align the memory of secondaries to SIZE (2M, 1G)" },
        { OPTION_SHARED, "SIZE", "size of each kernel's shared region" },
        { OPTION_LOW_WINDOW, "ADDRESS", "place below 640 KiB where CPUs of other kernels start" },
        { OPTION_DIALECT, "linux|popcorn", "whose kernels will run (default: linux)" },
        { OPTION_IMAGE, "FILE", "leave the room that this kernel image needs" },
        { OPTION_IMAGE_SIZE, "SIZE", "leave SIZE for a kernel image" },
        { OPTION_INITRD, "FILE", "leave the room that this ramdisk needs" },
        { OPTION_EXPLAIN, NULL, "tell why each kernel gets what it gets, and where all memory went" },
        { OPTION_JSON, NULL, "print the plan document" },
        { OPTION_OUTPUT, "FILE", "write the plan document to FILE" },
        { OPTION_SVG, "FILE", "draw the plan into FILE" },
        { OPTION_SAVE, NULL, "make it the plan that mpartd boots kernels by" },
};
static const struct verb_option cmdline_options[] = {
        { OPTION_DIALECT, "linux|popcorn", "whose parameters (default: linux)" },
        { OPTION_PLAN, "FILE", "read the plan from FILE instead of the saved one" },
        { OPTION_ROOT, "DIR|FILE", "plan the captured machine; with --plan: check the plan against it" },
};
static const struct verb_option export_options[] = {
        { OPTION_INSTALL, NULL, "grub: write the drop-in to its place under /etc" },
        { OPTION_PLAN, "FILE", "read the plan from FILE instead of the saved one" },
};
static const struct verb_option apply_options[] = {
        { OPTION_DRY_RUN, NULL, "print what would be loaded and the whole command line; change nothing" },
        { OPTION_KERNEL, "FILE", "kernel image of the primary (default: the running one)" },
        { OPTION_INITRD, "FILE", "ramdisk of the primary (default: the running kernel's)" },
        { OPTION_YES, NULL, "restart without asking" },
};
static const struct verb_option boot_options[] = {
        { OPTION_IMAGE, "FILE", "bzImage or vmlinux to boot (default: the primary's)" },
        { OPTION_INITRD, "FILE", "ramdisk (default: one like \"mpartctl initrd create\" makes)" },
        { OPTION_NO_INITRD, NULL, "boot without a ramdisk" },
        { OPTION_CMDLINE, "WORDS", "words to append to the planned command line" },
        { OPTION_ON_CRASH, "stop|restart|preserve", "when it panics (default: stop)" },
        { OPTION_ON_HANG, "stop|restart|preserve", "when its clock stands still (default: stop)" },
        { OPTION_ON_REBOOT, "stop|restart|preserve", "when it restarts itself (default: restart)" },
        { OPTION_ON_POWEROFF, "stop|restart|preserve", "when it switches itself off (default: stop)" },
        { OPTION_NO_DUMP, NULL, "write no dump when it panics or hangs" },
        { OPTION_NO_WAIT, NULL, "return once the boot has been accepted" },
};
static const struct verb_option log_options[] = {
        { OPTION_FOLLOW, NULL, "go on with what the kernel writes, until it is stopped" },
        { OPTION_LINES, "LINES", "begin with the last LINES records" },
        { OPTION_JSON, NULL, "print each record as a JSON object in a line" },
};
static const struct verb_option initrd_options[] = {
        { OPTION_OUTPUT, "FILE",
                        "write it to FILE (default: initrd-VERSION.img here); .zst: zstd, .cpio: plain, "
                        "else gzip" },
        { OPTION_KERNEL, "VERSION",
                        "kernel that the modules are for (default: the running one); none: no modules" },
        { OPTION_ADD, "PATH[:DEST]", "add a file, a program with its libraries, or a directory" },
        { OPTION_MODULE, "NAME", "load this module at boot, after what it needs" },
        { OPTION_SSH_KEY, "FILE", "let the owners of these public keys log in as root by ssh" },
        { OPTION_WRAP, "FILE", "put the agent in front of this ramdisk, or tar archive of a root tree" },
};
static const struct verb_option console_options[] = {
        { OPTION_LOG, NULL, "print what the console said lately, and leave" },
        { OPTION_FOLLOW, NULL, "print it, and what comes; type nothing" },
};
static const struct verb_option exec_options[] = {
        { OPTION_TTY, NULL, "run the command on a terminal" },
};
static const struct verb_option monitor_options[] = {
        { OPTION_JSON, NULL, "print each change as a JSON object in a line" },
};
static const struct verb_option status_options[] = {
        { OPTION_JSON, NULL, "print it as JSON" },
};
static const struct verb_option list_options[] = {
        { OPTION_JSON, NULL, "print the kernels as JSON" },
};

#define OPTIONS(o) .options = (o), .n_options = ARRAY_SIZE(o)

/* In the order in which a user meets them. */
const struct verb verbs[] = {
        { .name = "machine",
                        OPTIONS(machine_options),
                        .help = "show nodes, CPUs, exact memory and PCI functions",
                        .run = verb_machine },
        { .name = "capture",
                        .operands = "FILE",
                        .min_operands = 1,
                        .max_operands = 1,
                        OPTIONS(capture_options),
                        .help = "put all that planning reads of this machine into one file",
                        .run = verb_capture },
        { .name = "plan",
                        OPTIONS(plan_options),
                        .help = "divide the machine into partitions",
                        .run = verb_plan },
        { .name = "cmdline",
                        .operands = "[ID|primary]",
                        .max_operands = 1,
                        OPTIONS(cmdline_options),
                        .help = "print the command line of one kernel of the plan",
                        .run = verb_cmdline },
        { .name = "export",
                        .operands = "grub|plan|cmdline",
                        .min_operands = 1,
                        .max_operands = 1,
                        OPTIONS(export_options),
                        .help = "print the plan's parameters for the primary, or the plan",
                        .run = verb_export },
        { .name = "apply",
                        OPTIONS(apply_options),
                        .help = "start the primary again with the plan's parameters, through kexec",
                        .run = verb_apply },
        { .name = "initrd",
                        .operands = "create",
                        .min_operands = 1,
                        .max_operands = 1,
                        OPTIONS(initrd_options),
                        .help = "make a ramdisk with the agent in it",
                        .run = verb_initrd },
        { .name = "boot",
                        .operands = "[kernel] ID|all",
                        .min_operands = 1,
                        .max_operands = 2,
                        OPTIONS(boot_options),
                        .help = "boot a kernel of the saved plan, or all of them",
                        .run = verb_boot },
        { .name = "stop",
                        .operands = "[kernel] ID|all",
                        .min_operands = 1,
                        .max_operands = 2,
                        .help = "stop a kernel; its CPUs go back to the primary",
                        .run = verb_stop },
        { .name = "log",
                        .operands = "[kernel] ID",
                        .min_operands = 1,
                        .max_operands = 2,
                        OPTIONS(log_options),
                        .help = "show a kernel's own log, out of its memory",
                        .run = verb_log },
        { .name = "dump",
                        .operands = "[kernel] ID FILE",
                        .min_operands = 2,
                        .max_operands = 3,
                        .help = "write a kernel's memory to a file for crash and makedumpfile",
                        .run = verb_dump },
        { .name = "console",
                        .operands = "[kernel] ID",
                        .min_operands = 1,
                        .max_operands = 2,
                        OPTIONS(console_options),
                        .help = "attach the terminal to a kernel's console; Ctrl-] leaves",
                        .run = verb_console },
        { .name = "exec",
                        .operands = "[kernel] ID -- COMMAND...",
                        .min_operands = 2,
                        .max_operands = SIZE_MAX,
                        OPTIONS(exec_options),
                        .help = "run a command in a kernel",
                        .run = verb_exec },
        { .name = "list",
                        OPTIONS(list_options),
                        .help = "list the kernels of the saved plan",
                        .run = verb_list },
        { .name = "monitor",
                        OPTIONS(monitor_options),
                        .help = "follow the kernels: a line for each change of state",
                        .run = verb_monitor },
        { .name = "status",
                        .operands = "[ID]",
                        .max_operands = 2,
                        OPTIONS(status_options),
                        .help = "tell whether the plan is in effect, or all about one kernel",
                        .run = verb_status },
        { .name = "help",
                        .operands = "[VERB]",
                        .max_operands = 1,
                        .help = "explain mpartctl, or one of its verbs",
                        .run = verb_help },
        { .name = "version", .help = "print the version", .run = verb_version },
        { .name = "completion",
                        .operands = "bash|zsh",
                        .min_operands = 1,
                        .max_operands = 1,
                        .help = "print the completion script of a shell",
                        .hidden = true,
                        .run = verb_completion },
};
const size_t n_verbs = ARRAY_SIZE(verbs);

const char *option_name(enum option_id id)
{
        return option_table[id].name;
}

bool option_is_repeatable(enum option_id id)
{
        return id == OPTION_ADD || id == OPTION_MODULE;
}

char option_letter(enum option_id id)
{
        return option_table[id].letter;
}

const struct verb *verb_find(const char *name)
{
        for (size_t i = 0; i < n_verbs; i++)
                if (streq(verbs[i].name, name))
                        return &verbs[i];
        return NULL;
}

const struct verb_option *verb_find_option(const struct verb *verb, enum option_id id)
{
        static const struct verb_option help = { OPTION_HELP, NULL, "explain this verb" };
        if (id == OPTION_HELP) /* every verb has it */
                return &help;
        for (size_t i = 0; i < verb->n_options; i++)
                if (verb->options[i].id == id)
                        return &verb->options[i];
        return NULL;
}
