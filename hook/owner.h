/* SPDX-License-Identifier: MIT */
/* Who this thread is, without asking the kernel. */
#ifndef SSLC_OWNER_H
#define SSLC_OWNER_H

#include <stdint.h>

/* The thread's number in its pid namespace, as the C library keeps it: also right in a forked child, but stale in one that a
 * bare clone made. SSLC_OWNER_UNKNOWN where the C library does not tell. */
uint32_t owner_self(void);

#endif
