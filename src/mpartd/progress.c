/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "native-internal.h"

static const char *const texts[_MPART_PROGRESS_MAX] = {
        [MPART_PROGRESS_START_CODE] = "nothing of the image has run",
        [MPART_PROGRESS_ENTERED] = "the image was entered, but has written nothing",
        [MPART_PROGRESS_WRITING] =
                        ("the image was entered and has written to its memory (it was unpacking itself, or "
                         "the kernel stopped early)"),
        [MPART_PROGRESS_KERNEL] = "the kernel itself ran, up to waking its other CPUs at least",
};

const char *progress_of(struct native_boot *b)
{
        struct physmem_map window = { 0 }, area = { 0 };
        const struct mpart_range low = b->claim.low, place = b->boot->layout.boot_area;
        const struct physmem *mem = &b->native->mem;
        int r = physmem_map(mem, &b->claim, low.start, low.size, false, &window, NULL);
        if (r == 0)
                r = physmem_map(mem, &b->claim, place.start, place.size, false, &area, NULL);
        enum mpart_boot_progress p = r == 0 ? mpart_boot_progress(b->boot, window.data, low.size, area.data)
                                            : MPART_PROGRESS_START_CODE;
        physmem_unmap(&window);
        physmem_unmap(&area);
        return r < 0 ? "its memory does not tell how far it came" : texts[p];
}
