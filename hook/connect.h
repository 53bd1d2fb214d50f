/* SPDX-License-Identifier: MIT */
/* Meeting the agent: its control page, a region of our own, the greeting. */
#ifndef SSLC_CONNECT_H
#define SSLC_CONNECT_H

#include "ring.h"

/* A heartbeat older than this is that of a dead agent. */
#define HEARTBEAT_STALE_NS (5 * NS_PER_SECOND)

/* There is a control page. Asks the kernel for no more than the dynamic loader just did. */
bool connect_possible(void);

/* Makes a region and offers it to the agent, unless that is the one named `except` (0: any will do). Never waits; leaves
 * no descriptor. NULL when there is no agent, or it or the kernel refuses. `epoch` is left to the caller. */
struct ring_view *connect_new(uint64_t except, uint32_t pid);

/* Writes the header of the sub-ring at `at`, of which this process is the owner, and points `view` there.
 * view->usable_data is 0 afterwards when the kernel refused memory. */
void connect_describe(struct ring_view *view, uint8_t *at, uint32_t pid);

/* Nobody serves the agent's socket: an agent that was here is dead, and not only stopped. */
bool connect_nobody_listens(void);

/* Unmaps what others than this process would use, and the part of its own sub-ring that no grant has reached when that is more
 * than a small share of `limit` bytes. */
void connect_shrink(struct ring_view *view, uint64_t limit);

/* Gives back the memory, not the addresses, of a region whose agent is gone. A thread may still be writing there. */
void connect_discard(const struct ring_view *view);

#endif
