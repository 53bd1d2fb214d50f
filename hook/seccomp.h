/* SPDX-License-Identifier: MIT */
/* Whether a seccomp filter is in force. A filter may kill on a system call that the program itself never makes, and may come
 * into force in ways that nobody sees; so once it is attached the hook makes none but those that learn an address, and where
 * a filter is known not even these. */
#ifndef SSLC_SECCOMP_H
#define SSLC_SECCOMP_H

#include "sys.h"

extern uint32_t seccomp_noted;

static inline bool seccomp_in_force(void)
{
    return load_relaxed(&seccomp_noted) != 0;
}

/* Whether the hook may attach: no filter is in force, which the kernel is asked each time, or there was one before the program
 * began and the settings say that it harms no one. False also where that cannot be read. */
bool seccomp_permits(void);

/* Called by the interposed `prctl` and `syscall` before a filter comes into force. */
void seccomp_note(void);

#endif
