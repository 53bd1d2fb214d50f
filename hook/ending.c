/* SPDX-License-Identifier: MIT */
#include "ending.h"

#include "lock.h"

#define ENDINGS 128

struct waiting {
    uint32_t lock;
    uint32_t epoch; /* of the ring that it is for, 0: free */
    struct ending ending;
};

uint32_t endings_waiting;
static struct waiting list[ENDINGS];

bool ending_tell_gap(struct ring_view *view, uint64_t flow, unsigned direction, uint64_t offset, uint64_t pending,
                     uint64_t time_ns)
{
    struct sslc_slot form;
    memset(&form, 0, sizeof form);
    form.kind = SSLC_GAP;
    form.direction = (uint8_t)direction;
    form.flow = flow;
    form.offset = offset - pending;
    form.amount = pending;
    form.time_ns = time_ns;
    if (!ring_publish(view, &form, NULL))
        return false;
    add_relaxed(&view->ring->gap_bytes, pending);
    return true;
}

/* True: all of it is told. */
static bool tell(struct ring_view *view, struct ending *ending)
{
    for (unsigned i = 0; i < 2; i++) {
        if (ending->pending[i] != 0 && !ending_tell_gap(view, ending->close.flow, i, ending->offset[i],
                                                        ending->pending[i], ending->close.time_ns))
            return false;
        ending->pending[i] = 0;
    }
    return ring_publish(view, &ending->close, NULL);
}

void ending_tell(struct ring_view *view, const struct ending *ending)
{
    struct ending rest = *ending;
    if (LIKELY(tell(view, &rest)))
        return;
    for (unsigned i = 0; i < ENDINGS; i++) {
        struct waiting *waiting = &list[i];
        /* One that was for an earlier ring, or the parent's, is nobody's any more. */
        if (load_relaxed(&waiting->epoch) == view->epoch || !try_lock(&waiting->lock, view->process))
            continue;
        uint32_t before = load_relaxed(&waiting->epoch);
        bool mine = before != view->epoch;
        if (mine) {
            waiting->ending = rest;
            store_relaxed(&waiting->epoch, view->epoch);
            if (before == 0)
                add_relaxed(&endings_waiting, 1);
        }
        unlock(&waiting->lock);
        if (mine)
            return;
    }
    add_relaxed(&view->ring->dropped_records, 1);
}

COLD void endings_flush(struct ring_view *view)
{
    for (unsigned i = 0; i < ENDINGS; i++) {
        struct waiting *waiting = &list[i];
        uint32_t epoch = load_relaxed(&waiting->epoch);
        if (epoch == 0 || !try_lock(&waiting->lock, view->process))
            continue;
        epoch = load_relaxed(&waiting->epoch);
        bool done = epoch != 0 && (epoch != view->epoch || tell(view, &waiting->ending));
        if (done) {
            store_relaxed(&waiting->epoch, 0);
            __atomic_fetch_sub(&endings_waiting, 1, __ATOMIC_RELAXED);
        }
        unlock(&waiting->lock);
        if (epoch == view->epoch && !done)
            return; /* still full */
    }
}
