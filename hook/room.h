/* SPDX-License-Identifier: MIT */
/* Whether this process may touch memory that nobody made ready for it: a page of shared memory is charged to who touches it
 * first, and past the limit of its memory cgroup the kernel ends a process. */
#ifndef SSLC_ROOM_H
#define SSLC_ROOM_H

#include "sys.h"

/* Every memory cgroup that this process is in, as far as it can see, leaves at least `bytes`. False in doubt, and where the
 * kernel promises no more memory than there is. Asks files below /proc and /sys; allocates nothing. */
bool room_for(uint64_t bytes);

/* Set when the program has asked that all memory mapped from then on is locked, and so there at once. */
extern uint32_t room_locked;

/* Maps memory that may be read and written, of which nothing is there before it is used. NULL when the kernel refuses. */
void *room_map(size_t length, int flags, int fd);

#endif
