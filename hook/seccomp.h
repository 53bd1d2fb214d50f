/* SPDX-License-Identifier: MIT */
/* Whether a seccomp filter is in force. A filter may kill on a system call that the program itself never makes, so
 * from then on the hook makes none: it connects and wakes no more, and learns no addresses. */
#ifndef SSLC_SECCOMP_H
#define SSLC_SECCOMP_H

#include "sys.h"

extern uint32_t seccomp_noted;

static inline bool seccomp_in_force(void)
{
    return load_relaxed(&seccomp_noted) != 0;
}

/* A filter was in force before the program began, and the settings say that it harms no one. */
extern uint32_t seccomp_inherited;

/* Whether the hook may make system calls: no filter is in force, nor was one before the program began, which is read at
 * the first question. False also while that cannot be read. */
bool seccomp_permits(void);

/* That was read. */
bool seccomp_looked(void);

/* Called by the interposed `prctl` and `syscall` before a filter comes into force. */
void seccomp_note(void);

#endif
