/* SPDX-License-Identifier: MIT */
/* Ends of flows, the last of which found no room wait here: the agent would hold a flow open whose close was dropped. */
#ifndef SSLC_ENDING_H
#define SSLC_ENDING_H

#include "ring.h"

/* A flow's last words: the bytes of each direction that were lost just before the end, and the close. */
struct ending {
    struct sslc_slot close;
    uint64_t pending[2];
    uint64_t offset[2]; /* behind the pending bytes */
};

/* Endings that wait. */
extern uint32_t endings_waiting;

/* Tells that the `pending` bytes before `offset` are missing. False: no room. */
bool ending_tell_gap(struct ring_view *view, uint64_t flow, unsigned direction, uint64_t offset, uint64_t pending,
                     uint64_t time_ns);

/* Publishes gaps and close, or keeps what found no room; when too many wait already, counts a dropped record. */
void ending_tell(struct ring_view *view, const struct ending *ending);

/* Publishes what waits, as far as there is room. */
void endings_flush(struct ring_view *view);

#endif
