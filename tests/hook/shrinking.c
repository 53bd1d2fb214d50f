/* SPDX-License-Identifier: MIT */
/* The table of sessions shrinks, and the thread that does it is held up when it has seen how many there are, while others make more. */
#include <sys/mman.h>

#include "../../hook/sys.h"

#define MORE 2000

static void look_away(const void *seen);

#undef load_relaxed
#define load_relaxed(p)                                                                \
    __extension__({                                                                    \
        __typeof__(__atomic_load_n((p), __ATOMIC_RELAXED)) value = __atomic_load_n((p), __ATOMIC_RELAXED); \
        look_away((const void *)(p));                                                  \
        value;                                                                         \
    })

#include "../../hook/session.c"

struct settings settings = {.page_bytes = 4096};
static bool shrinking;
static struct session *made[MORE];

void *room_map(size_t length, int flags, int fd)
{
    return map_memory(length, PROT_READ | PROT_WRITE, flags, fd);
}

static void look_away(const void *seen)
{
    if (!shrinking || seen != &sessions.used)
        return;
    shrinking = false;
    for (uintptr_t i = 0; i < MORE; i++)
        made[i] = session_insert((const void *)((i + 1) << 12));
}

int main(void)
{
    sessions_create(false);
    sessions_open();
    shrinking = true;
    sessions_shrink();
    for (uintptr_t i = 0; i < MORE; i++)
        if (made[i] != NULL && made[i]->key != (i + 1) << 12)
            return 1;
    return shrinking ? 2 : 0;
}
