/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries Ethernet frames between a TAP interface and the network rings of a shared region. Both kernels run
 * the same. Frames are handed on in place and not looked at: the kernel on either side checks what it is
 * given. */
#pragma once

#include "ring.h"

/* Types of records in the network rings. Others are skipped. */
enum frame_type {
        FRAME_BARE,  /* an Ethernet frame, no FCS */
        FRAME_VNET,  /* struct virtio_net_hdr (10 bytes, linux/virtio_net.h) and an Ethernet frame */
        FRAME_HOSTS, /* primary to secondary: text for hosts(5) */
};

/* A header, a VLAN tag and the largest segment that TCP hands down at once. */
#define FRAME_SIZE_MAX 65600U
#define FRAMES_AT_ONCE 64U

struct frames {
        int tap; /* borrowed; does not block */
        struct ring in, out;
        bool out_is_full;                /* frames wait in the TAP for room in the ring: do not poll it */
        uint64_t n_in, n_out, n_refused; /* refused: by the TAP, or of an unknown type */
        /* Records of other types; NULL: skipped. The data is a copy. */
        void (*other)(void *userdata, uint32_t type, const void *data, uint32_t size);
        void *userdata;
};

/* Moves at most FRAMES_AT_ONCE each way; `readable`: the TAP may have something. 1: something moved; 0:
 * nothing did; negative errno: the TAP is gone. */
int frames_serve(struct frames *f, bool readable);
