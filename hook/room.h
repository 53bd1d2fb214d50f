/* SPDX-License-Identifier: MIT */
/* Whether this process may touch memory that nobody made ready for it: a page of shared memory is charged to who touches it
 * first, and past the limit of its memory cgroup the kernel ends a process. */
#ifndef SSLC_ROOM_H
#define SSLC_ROOM_H

#include "sys.h"

/* Every memory cgroup that this process is in, as far as it can see, leaves at least `bytes`. False in doubt, and where the
 * kernel promises no more memory than there is. Asks files below /proc and /sys; allocates nothing. */
bool room_for(uint64_t bytes);

#endif
