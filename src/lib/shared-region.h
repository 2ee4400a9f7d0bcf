/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shared region of one partition: memory at the end of the partition's largest range that the primary
 * (mpartd) and the secondary (mpart-agent) both map through /dev/mem, Reserved for both kernels.
 * docs/shared-region.md says the same in words. All numbers are little endian; offsets are bytes from the
 * start of the region; each field has one writer.
 *
 *   0x000000  header: struct mpart_shared_header, one page
 *   0x001000  controls of the rings, 256 bytes each: u64 head at +0, u64 tail at +128
 *   0x002000  not used, zero
 *   0x010000  data of the rings
 *   0x100000  free for users, to the end of the region (mpart_shm_open(3))
 *
 * The daemon clears and fills all but the free area before each boot, while nothing runs in the partition;
 * the free area is cleared too. The secondary learns the place from its command line,
 * "mpart.region=0xADDRESS,0xSIZE". */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define MPART_REGION_PARAMETER "mpart.region="
#define MPART_REGION_MAGIC UINT64_C(0x6e6f69676572706d) /* "mpregion" */
#define MPART_REGION_VERSION 1U
#define MPART_REGION_SIZE_MIN UINT64_C(0x200000)

/* Feature bits: what a side can do. Bits that a reader does not know mean nothing to it. */
#define MPART_FEATURE_CONSOLE (UINT64_C(1) << 0)
#define MPART_FEATURE_EXEC (UINT64_C(1) << 1)
#define MPART_FEATURE_NETWORK (UINT64_C(1) << 2)
#define MPART_FEATURE_CLOCK (UINT64_C(1) << 3)

/* State of the secondary's user space, stored by the agent. */
enum mpart_agent_state {
        MPART_AGENT_NONE,     /* no agent has come yet */
        MPART_AGENT_STARTING, /* it has found the region */
        MPART_AGENT_READY,    /* user space is up */
        MPART_AGENT_STOPPING, /* it shuts down, by request or because its init ended */
        MPART_AGENT_REBOOT,   /* init asked for a restart: its processes have ended */
        MPART_AGENT_POWEROFF, /* init asked for power-off or halt, or the request to stop was fulfilled */
        MPART_AGENT_FAILED,   /* init ended by itself */
        _MPART_AGENT_STATE_MAX,
};

/* What the daemon asks for, stored by the daemon. */
enum mpart_daemon_request {
        MPART_REQUEST_NONE,
        MPART_REQUEST_SHUTDOWN, /* end user space in order, then MPART_AGENT_POWEROFF */
};

/* What the secondary's network interface is to be; zero where there is none. Stored by the daemon before the
 * boot and constant from then on. Addresses are in network byte order. */
struct mpart_shared_network {
        uint8_t address[4]; /* IPv4 of the secondary */
        uint8_t gateway[4]; /* IPv4 of the primary on the bridge */
        uint8_t prefix;     /* length of the network's prefix, bits */
        uint8_t flags;      /* bit 0: the gateway is a default route */
        uint16_t mtu;       /* bytes */
        uint8_t mac[6];     /* of the secondary's interface */
        uint8_t reserved[6];
        uint8_t name_server[4]; /* IPv4; zero: none */
        uint8_t reserved2[4];
        char hostname[64]; /* NUL terminated */
};
_Static_assert(sizeof(struct mpart_shared_network) == 96, "layout");

/* One pair of clocks, stored by the daemon once a second under a sequence lock: it makes `sequence` odd,
 * stores the rest, and makes it even (release). A reader takes what lies between two equal even readings
 * (acquire). */
struct mpart_shared_clock {
        _Atomic uint32_t sequence;
        _Atomic uint32_t tsc_khz;     /* of this machine */
        _Atomic uint64_t tsc;         /* RDTSC at that moment; all CPUs of the machine count together */
        _Atomic uint64_t realtime_ns; /* CLOCK_REALTIME at that moment */
        uint8_t reserved[40];
};
_Static_assert(sizeof(struct mpart_shared_clock) == 64, "layout");

struct mpart_shared_header {
        /* 0x000: stored by the daemon before the boot, constant from then on. */
        _Atomic uint64_t magic; /* MPART_REGION_MAGIC; stored last, with release */
        uint32_t version;       /* MPART_REGION_VERSION */
        uint32_t kernel;        /* id of the secondary */
        uint64_t size;        /* of the region, bytes; a multiple of 4096, at least MPART_REGION_SIZE_MIN */
        uint64_t generation;  /* chosen anew for each boot, never 0 */
        uint64_t features;    /* of the daemon */
        uint64_t user_offset; /* of the free area, bytes; page aligned */
        uint64_t user_size;   /* of the free area, bytes */
        uint64_t reserved1;

        /* 0x040: constant, stored by the daemon before the boot. */
        struct mpart_shared_network network;
        uint8_t reserved2[96];

        /* 0x100: stored by the daemon while it runs. */
        _Atomic uint64_t
                        daemon_heartbeat; /* counts up about once a second while the daemon lives; relaxed */
        _Atomic uint32_t request;         /* enum mpart_daemon_request; release */
        uint32_t reserved3;
        _Atomic uint64_t window_size; /* console: columns << 16 | rows; 0: not known; relaxed */
        uint8_t reserved4[40];
        struct mpart_shared_clock clock; /* 0x140 */

        /* 0x180: stored by the agent. */
        _Atomic uint64_t agent_heartbeat;  /* counts up about once a second while the agent lives; relaxed */
        _Atomic uint64_t agent_generation; /* the generation that it has found; release, after all of
                                              version, features, start */
        _Atomic uint32_t agent_state;      /* enum mpart_agent_state; release */
        _Atomic uint32_t agent_version;    /* layout version that it speaks */
        _Atomic uint64_t agent_features;
        _Atomic uint64_t agent_start;  /* chosen anew each time that an agent starts, never 0 */
        _Atomic uint32_t agent_status; /* with REBOOT, POWEROFF, FAILED: wait status of init (wait(2)) */
        uint8_t reserved5[20];

        uint8_t reserved6[0x1000 - 0x1c0];
};
_Static_assert(sizeof(struct mpart_shared_header) == 0x1000, "layout");
_Static_assert(__builtin_offsetof(struct mpart_shared_header, network) == 0x40, "layout");
_Static_assert(__builtin_offsetof(struct mpart_shared_header, daemon_heartbeat) == 0x100, "layout");
_Static_assert(__builtin_offsetof(struct mpart_shared_header, clock) == 0x140, "layout");
_Static_assert(__builtin_offsetof(struct mpart_shared_header, agent_heartbeat) == 0x180, "layout");

/* The rings (ring.h of the source tree describes them). "Up" is from the secondary to the primary. */
enum mpart_shared_ring {
        MPART_RING_CONSOLE_UP,   /* bytes: output of the console */
        MPART_RING_CONSOLE_DOWN, /* bytes: what is typed */
        MPART_RING_CONTROL_UP,   /* records: enum mpart_control_type, MPART_UP_* */
        MPART_RING_CONTROL_DOWN, /* records: MPART_DOWN_* */
        MPART_RING_NETWORK_UP,   /* records: enum frame_type of src/basic/frames.h; Ethernet, no FCS */
        MPART_RING_NETWORK_DOWN,
        _MPART_RING_MAX,
};
#define MPART_RING_CONTROL_OFFSET 0x1000U
#define MPART_RING_CONTROL_SIZE 256U
#define MPART_REGION_USER_OFFSET 0x100000U

struct mpart_shared_ring_place {
        uint32_t control, data, size; /* offsets and size of the data, bytes; size is a power of two */
};
static inline struct mpart_shared_ring_place mpart_shared_ring_place(enum mpart_shared_ring ring)
{
        static const uint32_t data[_MPART_RING_MAX][2] = {
                [MPART_RING_CONSOLE_UP] = { 0x10000, 0x10000 },
                [MPART_RING_CONSOLE_DOWN] = { 0x20000, 0x10000 },
                [MPART_RING_CONTROL_UP] = { 0x40000, 0x20000 },
                [MPART_RING_CONTROL_DOWN] = { 0x60000, 0x20000 },
                [MPART_RING_NETWORK_UP] = { 0x80000, 0x40000 },
                [MPART_RING_NETWORK_DOWN] = { 0xc0000, 0x40000 },
        };
        return (struct mpart_shared_ring_place){
                MPART_RING_CONTROL_OFFSET + (uint32_t)ring * MPART_RING_CONTROL_SIZE,
                data[ring][0],
                data[ring][1],
        };
}

/* Records of the control rings: struct mpart_control, then bytes. A job is one command; the daemon numbers
 * them from 1. Numbers that make no sense are ignored by both sides.
 *
 * Flow: a side sends at most MPART_EXEC_WINDOW bytes of a stream beyond what the other has said to be used
 * (MPART_DOWN_USED, MPART_UP_USED); whoever sends more loses the job. */
enum mpart_control_type {
        MPART_DOWN_EXEC = 1, /* value: MPART_EXEC_*; bytes: struct mpart_exec and its strings */
        MPART_DOWN_INPUT,    /* bytes: standard input; none: its end */
        MPART_DOWN_SIGNAL,   /* value: number */
        MPART_DOWN_SIZE,  /* value: columns << 16 | rows; job 0: the console's, which also wants its shell */
        MPART_DOWN_USED,  /* value: bytes of output used, MPART_STREAM_ERROR or-ed in for standard error */
        MPART_DOWN_CLOSE, /* the caller has gone: the job ends by SIGHUP */
        MPART_DOWN_DEAF,  /* value: 0 or MPART_STREAM_ERROR: nobody reads this output any more */

        MPART_UP_OUTPUT = 0x101, /* value: 0 or MPART_STREAM_ERROR; bytes; none: its end */
        MPART_UP_USED,           /* value: bytes of input used */
        MPART_UP_EXIT,           /* value: wait status (wait(2)); the job's last record */
        MPART_UP_ERROR,          /* value: errno; bytes: a sentence. The job's last record, it never began */
};
#define MPART_STREAM_ERROR 0x80000000U
#define MPART_EXEC_WINDOW 65536U
#define MPART_EXEC_CHUNK 16384U /* most bytes of a stream in one record */
#define MPART_EXEC_JOBS 16U     /* at the same time */
#define MPART_EXEC_TTY 1U       /* a terminal: standard error goes with standard output */

struct mpart_control {
        uint32_t job, value;
};
/* Behind it: the words of the command, then of the environment, then the working directory ("" for none),
 * each with its NUL. */
struct mpart_exec {
        uint32_t n_words, n_environment;
        uint16_t rows, columns; /* of the terminal; 0: not known */
};
