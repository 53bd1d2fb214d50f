/* SPDX-License-Identifier: MIT */
/* What happens when the program is loaded. Nothing that a program without TLS would notice: no system call. */
#include "attach.h"
#include "library.h"
#include "libc.h"
#include "settings.h"

/* glibc hands constructors what main gets; musl hands them nothing, but has set __environ by then. */
static char **environment_of(int count, char **arguments, char **environment)
{
    if (count >= 0 && arguments != NULL && environment == arguments + count + 1)
        return environment;
    char ***variable = libc_get(LIBC___environ);
    return variable == NULL ? NULL : *variable;
}

__attribute__((constructor)) static void load(int count, char **arguments, char **environment)
{
    libc_load();
    if (!settings_read(environment_of(count, arguments, environment)))
        return;
    store_release(&settings.ready, 1);
    if (library_present())
        attach_at_load();
}
