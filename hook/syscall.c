/* SPDX-License-Identifier: MIT */
/* `syscall`, through which libseccomp puts filters in force. The system call behind it may return twice or on another stack. */
#include "jump.h"
#include "libc.h"
#include "seccomp.h"

#define SET_MODE_STRICT 0
#define SET_MODE_FILTER 1

extern char syscall_missing[] __attribute__((visibility("hidden")));

/* Called below with the first four arguments of `syscall`; returns where to jump. */
__attribute__((used, visibility("hidden"))) void *syscall_target(long number, long operation, long flags,
                                                                 const void *filter)
{
    (void)flags;
    /* libseccomp probes with no filter: that changes nothing. */
    if (UNLIKELY(number == SYS_seccomp) &&
        (operation == SET_MODE_STRICT || (operation == SET_MODE_FILTER && filter != NULL)))
        seccomp_note();
    void *original = libc_get(LIBC_syscall);
    return LIKELY(original != NULL) ? original : syscall_missing;
}

/* No C library: fails without touching its errno. */
JUMP_FUNCTION("syscall", "syscall_target", "syscall_missing", "-1");
