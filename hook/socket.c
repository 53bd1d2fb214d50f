/* SPDX-License-Identifier: MIT */
/* The interposed functions that move bytes through sockets. They look for the hellos of sessions, and, inside a TLS call, for the
 * socket that carries its session. When there is nothing to do they cost a few loads.
 *
 * What comes in is looked at when it is there. What goes out would have to be looked at before the original is called, since a
 * reader on another thread may free it at once; but where it is not to be read at all, the kernel answers EFAULT and a look is
 * fatal. So nothing is looked at but the records that a TLS library sends to its session's socket within a large write, and the hello with which
 * NSS and wolfSSL begin there, or mbed TLS in its session's own buffer. */
#include "attach.h"
#include "hello.h"
#include "kept_hello.h"
#include "libc.h"
#include "mbedtls.h"
#include "slice.h"
#include "thread.h"

#define FLAGS_NO_STREAM (MSG_PEEK | MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)
#define IOV_MOST 1024

/* TLS records begin so, SSLv2 apart. */
static inline bool is_record(const uint8_t *bytes, size_t length)
{
    return bytes[0] >= 20 && bytes[0] <= 24 && (length < 2 || bytes[1] == 3);
}

/* Copies the first bytes, at most HELLO_BYTES. */
static size_t copy_first(uint8_t *first, const struct iovec *parts, size_t count, size_t length)
{
    size_t have = 0;
    for (size_t i = 0; i < count && have < HELLO_BYTES && have < length; i++) {
        size_t room = HELLO_BYTES - have, left = length - have, step = parts[i].iov_len;
        step = step < room ? step : room;
        step = step < left ? step : left;
        memcpy(first + have, parts[i].iov_base, step);
        have += step;
    }
    return have;
}

#define CALL(name, result, parameters, ...) ((result(*) parameters)libc_get(LIBC_##name))(__VA_ARGS__)

/* ---- What comes in ---- */

static inline bool is_interesting(const void *bytes)
{
    return load_relaxed(&attach_done) != 0 && (*(const uint8_t *)bytes == HELLO_FIRST ||
                                               load_relaxed(&hello_waiting) != 0 || thread_state.depth != 0);
}

/* `first` are the first bytes of those that came from `fd`, at least one. */
static void came(int fd, const uint8_t *first, size_t length, const char *frame)
{
    struct call *call = thread_call(&thread_state, frame);
    if (call != NULL && call->fd < 0 && is_record(first, length))
        call->fd = fd;
    if (call != NULL && (UNLIKELY(call->hello_from == fd) || UNLIKELY(call->hello_from == CALL_KEEPS_FIRST)))
        kept_hello_pass(call->ssl, fd, true, first, length);
    if (first[0] == HELLO_FIRST || load_relaxed(&hello_waiting) != 0)
        hello_look_socket(fd, first, length);
}

static COLD void came_flat(int fd, const void *bytes, size_t length)
{
    came(fd, bytes, length, __builtin_frame_address(0));
}

static COLD void came_parts(int fd, const struct iovec *parts, size_t count, size_t length)
{
    uint8_t first[HELLO_BYTES];
    size_t have = copy_first(first, parts, count, length);
    if (have != 0)
        came(fd, first, have, __builtin_frame_address(0));
}

static inline ssize_t in_flat(int fd, const void *bytes, ssize_t result)
{
    if (result > 0 && UNLIKELY(is_interesting(bytes)))
        came_flat(fd, bytes, (size_t)result);
    return result;
}

static inline ssize_t in_parts(int fd, const struct iovec *vector, size_t count, ssize_t result)
{
    size_t i = 0;
    if (result <= 0 || vector == NULL || count > IOV_MOST)
        return result;
    while (i < count && vector[i].iov_len == 0)
        i++;
    if (i < count && UNLIKELY(is_interesting(vector[i].iov_base)))
        came_parts(fd, vector, count, (size_t)result);
    return result;
}

/* ---- What goes out ---- */

#define FRAME ((const char *)__builtin_frame_address(0))

/* The large write whose records go to this descriptor, NULL: what goes there is nobody's to look at. */
static COLD struct call *carried(int fd, const char *frame)
{
    struct call *call = thread_call(&thread_state, frame);
    if (call == NULL)
        return NULL;
    call->sent = fd;
    return slice_carries(call, fd, frame) ? call : NULL;
}

/* A session's own socket takes what its library made. */
static COLD void keep_hello(int fd, const struct iovec *parts, size_t count, const char *frame)
{
    const struct call *call = thread_call(&thread_state, frame);
    for (size_t i = 0; call != NULL && UNLIKELY(call->hello_from == fd) && count <= IOV_MOST && i < count; i++)
        if (parts[i].iov_len != 0)
            kept_hello_pass(call->ssl, fd, false, parts[i].iov_base, parts[i].iov_len);
}

/* Of a session whose socket is not known, only what lies where its library makes what it sends. */
static COLD void keep_first(int fd, const uint8_t *bytes, size_t length, const char *frame)
{
    const struct call *call = thread_call(&thread_state, frame);
    if (call != NULL && UNLIKELY(call->hello_from == CALL_KEEPS_FIRST) && length != 0 && mbedtls_makes(call->ssl, bytes))
        kept_hello_pass(call->ssl, fd, false, bytes, length);
}

static COLD void leaving(struct call *call, const struct iovec *parts, size_t count)
{
    for (size_t i = 0; count <= IOV_MOST && i < count; i++)
        if (parts[i].iov_len != 0)
            slice_leaving(call, parts[i].iov_base, parts[i].iov_len);
}

/* The original answered `result`. The call may have been left since. */
static COLD ssize_t left(int fd, ssize_t result, const char *frame)
{
    struct call *call = carried(fd, frame);
    if (call != NULL)
        slice_left(call, result > 0 ? (size_t)result : 0);
    return result;
}

static inline bool is_in_call(void)
{
    return UNLIKELY(thread_state.depth != 0);
}

/* Calls the original, of a large write's records between both. */
#define OUT_FLAT(fd, bytes, length, original)                       \
    do {                                                            \
        struct iovec part = {(void *)(uintptr_t)(bytes), (length)}; \
        keep_first((fd), (bytes), (length), FRAME);                 \
        OUT_PARTS(fd, &part, 1, original);                          \
    } while (0)
#define OUT_PARTS(fd, parts, count, original)                       \
    do {                                                            \
        keep_hello((fd), (parts), (count), FRAME);                  \
        struct call *call = carried((fd), FRAME);                   \
        if (call == NULL)                                           \
            return (original);                                      \
        leaving(call, (parts), (count));                            \
        return left((fd), (original), FRAME);                       \
    } while (0)

/* ---- The functions ---- */

SSLC_EXPORT ssize_t read(int fd, void *bytes, size_t length)
{
    ssize_t result = CALL(read, ssize_t, (int, void *, size_t), fd, bytes, length);
    return in_flat(fd, bytes, result);
}

SSLC_EXPORT ssize_t __read_chk(int fd, void *bytes, size_t length, size_t room)
{
    ssize_t result = CALL(__read_chk, ssize_t, (int, void *, size_t, size_t), fd, bytes, length, room);
    return in_flat(fd, bytes, result);
}

#define WRITE() CALL(write, ssize_t, (int, const void *, size_t), fd, bytes, length)
static __attribute__((noinline)) ssize_t write_watched(int fd, const void *bytes, size_t length)
{
    OUT_FLAT(fd, bytes, length, WRITE());
}

SSLC_EXPORT ssize_t write(int fd, const void *bytes, size_t length)
{
    return !is_in_call() ? WRITE() : write_watched(fd, bytes, length);
}

SSLC_EXPORT ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    ssize_t result = CALL(recv, ssize_t, (int, void *, size_t, int), fd, bytes, length, flags);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : in_flat(fd, bytes, result);
}

SSLC_EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t length, size_t room, int flags)
{
    ssize_t result = CALL(__recv_chk, ssize_t, (int, void *, size_t, size_t, int), fd, bytes, length, room, flags);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : in_flat(fd, bytes, result);
}

#define SEND() CALL(send, ssize_t, (int, const void *, size_t, int), fd, bytes, length, flags)
static __attribute__((noinline)) ssize_t send_watched(int fd, const void *bytes, size_t length, int flags)
{
    OUT_FLAT(fd, bytes, length, SEND());
}

SSLC_EXPORT ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    return !is_in_call() || (flags & MSG_OOB) != 0 ? SEND() : send_watched(fd, bytes, length, flags);
}

SSLC_EXPORT ssize_t recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *room)
{
    ssize_t result = CALL(recvfrom, ssize_t, (int, void *, size_t, int, struct sockaddr *, socklen_t *), fd, bytes,
                          length, flags, from, room);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : in_flat(fd, bytes, result);
}

SSLC_EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t most, int flags, struct sockaddr *from,
                                   socklen_t *room)
{
    ssize_t result = CALL(__recvfrom_chk, ssize_t, (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *),
                          fd, bytes, length, most, flags, from, room);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : in_flat(fd, bytes, result);
}

SSLC_EXPORT ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to,
                           socklen_t room)
{
#define SENDTO()                                                                                                  \
    CALL(sendto, ssize_t, (int, const void *, size_t, int, const struct sockaddr *, socklen_t), fd, bytes, length, \
         flags, to, room)
    if (!is_in_call() || (flags & MSG_OOB) != 0)
        return SENDTO();
    OUT_FLAT(fd, bytes, length, SENDTO());
}

SSLC_EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
    ssize_t result = CALL(readv, ssize_t, (int, const struct iovec *, int), fd, vector, count);
    return in_parts(fd, vector, (size_t)count, result);
}

SSLC_EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
#define WRITEV() CALL(writev, ssize_t, (int, const struct iovec *, int), fd, vector, count)
    if (!is_in_call() || count <= 0)
        return WRITEV();
    OUT_PARTS(fd, vector, (size_t)count, WRITEV());
}

/* The count is cut to 32 bits: musl's structure has padding there that nobody clears. */
SSLC_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t result = CALL(recvmsg, ssize_t, (int, struct msghdr *, int), fd, message, flags);
    if (result <= 0 || (flags & FLAGS_NO_STREAM) != 0)
        return result;
    return in_parts(fd, message->msg_iov, (uint32_t)message->msg_iovlen, result);
}

SSLC_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
#define SENDMSG() CALL(sendmsg, ssize_t, (int, const struct msghdr *, int), fd, message, flags)
    if (!is_in_call() || (flags & MSG_OOB) != 0)
        return SENDMSG();
    OUT_PARTS(fd, message->msg_iov, (uint32_t)message->msg_iovlen, SENDMSG());
}
