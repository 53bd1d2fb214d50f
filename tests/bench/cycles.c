/* SPDX-License-Identifier: MIT */
/* Linked into a build of the hook whose linker wraps what surrounds each TLS call: counts the processor's ticks within it, in the
 * file that HOOK_CYCLES names, which forked processes share. What a wrapper itself takes, some 20 instructions, is not in it. */
#include <fcntl.h>
#include <sys/mman.h>

#include "../../hook/call.h"

/* Beyond this another process had the processor meanwhile. */
#define TICKS_MOST 100000u
#define TRIES 1000u

struct counts {
    uint64_t ticks;
    uint64_t calls;
    uint64_t left_out;
};

static struct counts none;
static struct counts *counts = &none;
static uint64_t empty; /* ticks between two looks at the clock */

static inline uint64_t now(void)
{
    return __builtin_ia32_rdtsc();
}

__attribute__((constructor)) static void begin(int count, char **arguments, char **environment)
{
    static const char name[] = "HOOK_CYCLES=";
    (void)count, (void)arguments;
    empty = TICKS_MOST;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t from = now(), ticks = now() - from;
        empty = ticks < empty ? ticks : empty;
    }
    while (*environment != NULL && !text_begins(*environment, name))
        environment++;
    long fd = *environment == NULL ? -1 : sys4(SYS_openat, AT_FDCWD, *environment + sizeof name - 1, O_RDWR | O_CLOEXEC, 0);
    struct counts *shared = fd < 0 ? NULL : map_memory(sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd);
    if (fd >= 0)
        sys1(SYS_close, fd);
    counts = shared == NULL ? &none : shared;
}

static void add(uint64_t from, uint64_t calls)
{
    uint64_t ticks = now() - from;
    if (ticks > TICKS_MOST) {
        add_relaxed(&counts->left_out, 1);
        return;
    }
    add_relaxed(&counts->ticks, ticks > empty ? ticks - empty : 0);
    add_relaxed(&counts->calls, calls);
}

/* X(name, what it is called with, its arguments, whether a call ends with it) */
#define SURROUNDING(X)                                                                                               \
    X(call_begin, (struct call_frame * call, enum call_kind kind, const void *ssl, const void *frame,                \
                   const void *caller), (call, kind, ssl, frame, caller), 0)                                         \
    X(call_end_read, (struct call_frame * call, const void *bytes, uint64_t length), (call, bytes, length), 1)       \
    X(call_begin_write, (struct write_frame * write, const void *ssl, const void *bytes, uint64_t length,            \
                         const void *frame, const void *caller), (write, ssl, bytes, length, frame, caller), 0)      \
    X(call_end_write, (struct write_frame * write, uint64_t length), (write, length), 1)

#define WRAPPED(name, parameters, arguments, ends) \
    void __real_##name parameters;                 \
    void __wrap_##name parameters;                 \
    void __wrap_##name parameters                  \
    {                                              \
        uint64_t from = now();                     \
        __real_##name arguments;                   \
        add(from, ends);                           \
    }
SURROUNDING(WRAPPED)
