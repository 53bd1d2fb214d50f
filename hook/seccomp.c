/* SPDX-License-Identifier: MIT */
#include "seccomp.h"

#include <fcntl.h>

#include "libc.h"
#include "settings.h"

#define PR_SET_SECCOMP 22
#define SECCOMP_MODE_FILTER 2
#define SECCOMP_MODE_DISABLED '0' /* in the file */

uint32_t seccomp_noted;

/* The kernel's answer as /proc/self/status has it, 0: not to be read (no /proc, no descriptor left). open, read and close are
 * what the dynamic loader has just done itself: no filter that let it do so kills on them. */
static COLD char look(void)
{
    char text[512];
    long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    static const char name[] = "\nSeccomp:\t";
    const long size = (long)sizeof name - 1;
    char mode = 0;
    long kept = 0, more;
    /* In pieces: a list of groups may be long, and this may be a signal handler's stack. */
    while (mode == 0 && (more = sys3(SYS_read, fd, text + kept, sizeof text - (size_t)kept)) > 0) {
        long have = kept + more, i = 0;
        for (; i + size < have && mode == 0; i++)
            if (memcmp(text + i, name, (size_t)size) == 0)
                mode = text[i + size];
        kept = have - i;
        for (long j = 0; j < kept; j++)
            text[j] = text[i + j];
    }
    sys1(SYS_close, fd);
    /* A kernel without seccomp has no such line. */
    return mode != 0 || more != 0 ? mode : SECCOMP_MODE_DISABLED;
}

bool seccomp_permits(void)
{
    if (seccomp_in_force())
        return false;
    char mode = look();
    if (mode == SECCOMP_MODE_DISABLED)
        return true;
    if (mode != 0 && settings.allow_inherited_filter)
        return true;
    if (mode != 0)
        seccomp_note();
    return false;
}

void seccomp_note(void)
{
    store_relaxed(&seccomp_noted, 1);
}

/* The C library's prototype is variadic; on both architectures its arguments arrive in the same registers. */
SSLC_EXPORT int prctl(int option, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
    int (*original)(int, unsigned long, unsigned long, unsigned long, unsigned long) =
        (int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long))libc_get(LIBC_prctl);
    /* A probe with no filter changes nothing. */
    if (option == PR_SET_SECCOMP && (b != SECCOMP_MODE_FILTER || c != 0))
        seccomp_note();
    if (LIKELY(original != NULL))
        return original(option, b, c, d, e);
    return (int)sys5(SYS_prctl, option, b, c, d, e);
}
