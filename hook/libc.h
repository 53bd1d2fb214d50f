/* SPDX-License-Identifier: MIT */
/* The C library's own functions behind those that the hook interposes, and the clock. */
#ifndef SSLC_LIBC_H
#define SSLC_LIBC_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "sys.h"

/* X(name, result type, parameters) */
#define LIBC_FUNCTIONS(X)                                                                          \
    X(read, ssize_t, (int, void *, size_t))                                                        \
    X(write, ssize_t, (int, const void *, size_t))                                                 \
    X(readv, ssize_t, (int, const struct iovec *, int))                                            \
    X(writev, ssize_t, (int, const struct iovec *, int))                                           \
    X(recv, ssize_t, (int, void *, size_t, int))                                                   \
    X(send, ssize_t, (int, const void *, size_t, int))                                             \
    X(recvfrom, ssize_t, (int, void *, size_t, int, struct sockaddr *, socklen_t *))               \
    X(sendto, ssize_t, (int, const void *, size_t, int, const struct sockaddr *, socklen_t))       \
    X(recvmsg, ssize_t, (int, struct msghdr *, int))                                               \
    X(sendmsg, ssize_t, (int, const struct msghdr *, int))                                         \
    X(__read_chk, ssize_t, (int, void *, size_t, size_t))                                          \
    X(__recv_chk, ssize_t, (int, void *, size_t, size_t, int))                                     \
    X(__recvfrom_chk, ssize_t, (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *)) \
    X(prctl, int, (int, unsigned long, unsigned long, unsigned long, unsigned long))               \
    X(setrlimit, int, (int, const void *))                                                         \
    X(setrlimit64, int, (int, const void *))                                                       \
    X(prlimit, int, (int, int, const void *, void *))                                              \
    X(prlimit64, int, (int, int, const void *, void *))                                            \
    X(dlopen, void *, (const char *, int))                                                         \
    X(dlmopen, void *, (long, const char *, int))                                                  \
    X(dlsym, void *, (void *, const char *))                                                       \
    X(mlockall, int, (int))                                                                        \
    X(pthread_mutex_lock, int, (void *))                                                           \
    X(pthread_mutex_unlock, int, (void *))                                                         \
    X(syscall, long, (long, ...))                                                                  \
    X(__errno_location, int *, (void))                                                             \
    X(___errno_location, int *, (void))                                                            \
    X(__vdso_clock_gettime, int, (int, void *))                                                    \
    X(__kernel_clock_gettime, int, (int, void *))                                                  \
    X(clock_gettime, int, (int, void *))                                                           \
    X(__environ, char **, )

#define LIBC_INDEX(name, result, parameters) LIBC_##name,
enum libc_index { LIBC_FUNCTIONS(LIBC_INDEX) LIBC_COUNT };
#undef LIBC_INDEX

/* NULL where the C library has no such function. Written by libc_load alone, always with the same values. */
extern void *libc_original[LIBC_COUNT + 1];
extern uint32_t libc_loaded;

/* Finds them all. May be called at any time and by several threads. */
void libc_load(void);

static inline void *libc_get(enum libc_index index)
{
    if (UNLIKELY(load_acquire(&libc_loaded) == 0))
        libc_load();
    return load_relaxed(&libc_original[index]);
}

/* errno of this thread, NULL when the C library hides it. */
int *libc_errno(void);

#define SSLC_CLOCK_REALTIME 0
#define SSLC_CLOCK_MONOTONIC_COARSE 6

/* Nanoseconds; through the vDSO where there is one. Leaves errno alone. */
uint64_t clock_ns(int clock);

#endif
