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
    X(syscall, long, (long, ...))                                                                  \
    X(pthread_mutex_lock, int, (void *))                                                           \
    X(pthread_mutex_unlock, int, (void *))                                                         \
    X(__errno_location, int *, (void))                                                             \
    X(___errno_location, int *, (void))                                                            \
    X(__vdso_clock_gettime, int, (int, void *))                                                    \
    X(__kernel_clock_gettime, int, (int, void *))                                                  \
    X(clock_gettime, int, (int, void *))                                                           \
    X(getauxval, unsigned long, (unsigned long))                                                   \
    X(__environ, char **, )

#define LIBC_INDEX(name, result, parameters) LIBC_##name,
enum libc_index { LIBC_FUNCTIONS(LIBC_INDEX) LIBC_COUNT };
#undef LIBC_INDEX

/* Those that were asked for; whoever asks first writes it, always with the same value. */
extern void *libc_original[LIBC_COUNT];

/* Notes where they are to be found, which takes the loader's list of objects: a child that was forked while another thread had
 * locked that would wait for ever. From then on no lock is taken. By several threads at a time, if need be. */
void libc_load(void);

/* Finds one of them. */
void *libc_find(enum libc_index index);

/* NULL where the C library has no such function. May be called at any time. */
static inline void *libc_get(enum libc_index index)
{
    void *original = load_relaxed(&libc_original[index]);
    return LIKELY(original != NULL) ? original : libc_find(index);
}

/* errno of this thread, NULL when the C library hides it. */
int *libc_errno(void);

#define SSLC_CLOCK_REALTIME 0
#define SSLC_CLOCK_MONOTONIC_COARSE 6

/* Nanoseconds; through the vDSO where there is one. Leaves errno alone. */
uint64_t clock_ns(int clock);

#endif
