#include "seccomp.h"

#include <fcntl.h>

#include "libc.h"
#include "region.h"
#include "settings.h"

#define PR_SET_SECCOMP 22
#define SECCOMP_MODE_DISABLED '0'

uint32_t seccomp_noted;
uint32_t seccomp_inherited;

/* open, read and close are what the dynamic loader has just done itself: no filter that let the program start kills on them. */
void seccomp_look(void)
{
    char text[4096];
    long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    long length = sys3(SYS_read, fd, text, sizeof text - 1);
    sys1(SYS_close, fd);
    static const char name[] = "\nSeccomp:\t";
    for (long i = 0; i + (long)sizeof name - 1 < length; i++) {
        if (memcmp(text + i, name, sizeof name - 1) != 0)
            continue;
        if (text[i + (long)sizeof name - 1] == SECCOMP_MODE_DISABLED)
            return;
        if (settings.allow_inherited_filter)
            store_relaxed(&seccomp_inherited, 1);
        else
            seccomp_note();
        return;
    }
}

void seccomp_note(void)
{
    if (__atomic_exchange_n(&seccomp_noted, 1, __ATOMIC_RELAXED) == 0)
        region_stop_waking();
}

/* The C library's prototype is variadic; on both architectures its arguments arrive in the same registers. */
SSLC_EXPORT int prctl(int option, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
    int (*original)(int, unsigned long, unsigned long, unsigned long, unsigned long) =
        (int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long))libc_get(LIBC_prctl);
    if (option == PR_SET_SECCOMP)
        seccomp_note();
    if (LIKELY(original != NULL))
        return original(option, b, c, d, e);
    return (int)sys5(SYS_prctl, option, b, c, d, e);
}
