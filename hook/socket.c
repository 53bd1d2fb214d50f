/* SPDX-License-Identifier: MIT */
/* The interposed functions that move bytes through sockets. They look for ClientHellos, and, inside a TLS call, for the
 * socket that carries the session. When there is nothing to do they cost a few loads. */
#include "address.h"
#include "hello.h"
#include "libc.h"
#include "slice.h"
#include "thread.h"

#define FLAGS_NO_STREAM (MSG_PEEK | MSG_TRUNC | MSG_OOB | MSG_ERRQUEUE)
#define IOV_MOST 1024

/* TLS records begin so, SSLv2 apart. */
static inline bool is_record(const uint8_t *bytes, size_t length)
{
    return bytes[0] >= 20 && bytes[0] <= 24 && (length < 2 || bytes[1] == 3);
}

/* Something to do: see passed(). */
static inline bool interesting(const void *bytes)
{
    return *(const uint8_t *)bytes == HELLO_FIRST || load_relaxed(&hello_waiting) != 0 || thread_state.depth != 0;
}

/* `first` are the first bytes of those that passed `fd`, at least one. Returns the call whose large write they belong to. */
static COLD struct call *passed(int fd, bool received, const uint8_t *first, size_t length, const char *frame)
{
    struct call *call = thread_call(&thread_state, frame);
    if (call != NULL && call->fd < 0 && is_record(first, length))
        call->fd = fd;
    if (first[0] == HELLO_FIRST || load_relaxed(&hello_waiting) != 0)
        hello_look_socket(fd, received, first, length);
    return call != NULL && call->sliced != 0 && call->fd == fd && !received ? call : NULL;
}

static COLD void passed_flat(int fd, bool received, const void *bytes, size_t length, const char *frame)
{
    struct call *call = passed(fd, received, bytes, length, frame);
    if (call != NULL)
        slice_sent(call, bytes, length, frame);
}

static COLD void passed_parts(int fd, bool received, const struct iovec *parts, size_t count, size_t length,
                              const char *frame)
{
    uint8_t first[HELLO_BYTES];
    size_t have = 0;
    for (size_t i = 0; i < count && have < sizeof first && have < length; i++) {
        size_t room = sizeof first - have, left = length - have, step = parts[i].iov_len;
        step = step < room ? step : room;
        step = step < left ? step : left;
        memcpy(first + have, parts[i].iov_base, step);
        have += step;
    }
    struct call *call = have == 0 ? NULL : passed(fd, received, first, have, frame);
    for (size_t i = 0; call != NULL && i < count && length != 0; i++) {
        size_t step = parts[i].iov_len < length ? parts[i].iov_len : length;
        slice_sent(call, parts[i].iov_base, step, frame);
        length -= step;
    }
}

#define FRAME ((const char *)__builtin_frame_address(0))
#define CALL(name, result, parameters, ...) ((result(*) parameters)libc_get(LIBC_##name))(__VA_ARGS__)

static inline ssize_t flat(int fd, bool received, const void *bytes, ssize_t result, const char *frame)
{
    if (result > 0 && UNLIKELY(interesting(bytes)))
        passed_flat(fd, received, bytes, (size_t)result, frame);
    return result;
}

static inline ssize_t parts(int fd, bool received, const struct iovec *vector, size_t count, ssize_t result,
                            const char *frame)
{
    size_t i = 0;
    if (result <= 0 || vector == NULL || count > IOV_MOST)
        return result;
    while (i < count && vector[i].iov_len == 0)
        i++;
    if (i < count && UNLIKELY(interesting(vector[i].iov_base)))
        passed_parts(fd, received, vector, count, (size_t)result, frame);
    return result;
}

SSLC_EXPORT ssize_t read(int fd, void *bytes, size_t length)
{
    ssize_t result = CALL(read, ssize_t, (int, void *, size_t), fd, bytes, length);
    return flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t __read_chk(int fd, void *bytes, size_t length, size_t room)
{
    ssize_t result = CALL(__read_chk, ssize_t, (int, void *, size_t, size_t), fd, bytes, length, room);
    return flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t write(int fd, const void *bytes, size_t length)
{
    ssize_t result = CALL(write, ssize_t, (int, const void *, size_t), fd, bytes, length);
    return flat(fd, false, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t recv(int fd, void *bytes, size_t length, int flags)
{
    ssize_t result = CALL(recv, ssize_t, (int, void *, size_t, int), fd, bytes, length, flags);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t __recv_chk(int fd, void *bytes, size_t length, size_t room, int flags)
{
    ssize_t result = CALL(__recv_chk, ssize_t, (int, void *, size_t, size_t, int), fd, bytes, length, room, flags);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t result = CALL(send, ssize_t, (int, const void *, size_t, int), fd, bytes, length, flags);
    return (flags & MSG_OOB) != 0 ? result : flat(fd, false, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t recvfrom(int fd, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *room)
{
    ssize_t result = CALL(recvfrom, ssize_t, (int, void *, size_t, int, struct sockaddr *, socklen_t *), fd, bytes,
                          length, flags, from, room);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t __recvfrom_chk(int fd, void *bytes, size_t length, size_t most, int flags, struct sockaddr *from,
                                   socklen_t *room)
{
    ssize_t result = CALL(__recvfrom_chk, ssize_t, (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *),
                          fd, bytes, length, most, flags, from, room);
    return (flags & FLAGS_NO_STREAM) != 0 ? result : flat(fd, true, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to,
                           socklen_t room)
{
    ssize_t result = CALL(sendto, ssize_t, (int, const void *, size_t, int, const struct sockaddr *, socklen_t), fd,
                          bytes, length, flags, to, room);
    return (flags & MSG_OOB) != 0 ? result : flat(fd, false, bytes, result, FRAME);
}

SSLC_EXPORT ssize_t readv(int fd, const struct iovec *vector, int count)
{
    ssize_t result = CALL(readv, ssize_t, (int, const struct iovec *, int), fd, vector, count);
    return parts(fd, true, vector, (size_t)count, result, FRAME);
}

SSLC_EXPORT ssize_t writev(int fd, const struct iovec *vector, int count)
{
    ssize_t result = CALL(writev, ssize_t, (int, const struct iovec *, int), fd, vector, count);
    return parts(fd, false, vector, (size_t)count, result, FRAME);
}

/* The count is cut to 32 bits: musl's structure has padding there that nobody clears. */
SSLC_EXPORT ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ssize_t result = CALL(recvmsg, ssize_t, (int, struct msghdr *, int), fd, message, flags);
    if (result <= 0 || (flags & FLAGS_NO_STREAM) != 0)
        return result;
    return parts(fd, true, message->msg_iov, (uint32_t)message->msg_iovlen, result, FRAME);
}

SSLC_EXPORT ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t result = CALL(sendmsg, ssize_t, (int, const struct msghdr *, int), fd, message, flags);
    if (result <= 0 || (flags & MSG_OOB) != 0)
        return result;
    return parts(fd, false, message->msg_iov, (uint32_t)message->msg_iovlen, result, FRAME);
}
