/* SPDX-License-Identifier: MIT */
/* Preloaded behind the hook: output calls that, when the bytes are out, unmap the page of every argument, as a reader on another
 * thread may do before the call returns. Only with `release_pages` set, since everybody's calls come past here. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <stdint.h>
#include <unistd.h>

int release_pages;

static void release(const void *at)
{
    if (release_pages && at != NULL)
        munmap((void *)((uintptr_t)at & ~(uintptr_t)4095), 4096);
}

static void release_parts(struct iovec *parts, size_t count)
{
    void *bytes[4];
    for (size_t i = 0; i < count && i < 4; i++)
        bytes[i] = parts[i].iov_base;
    for (size_t i = 0; i < count && i < 4; i++)
        release(bytes[i]);
    release(parts);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    ssize_t result = syscall(SYS_write, fd, bytes, length);
    release(bytes);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t result = syscall(SYS_writev, fd, parts, count);
    release_parts((struct iovec *)parts, (size_t)count);
    return result;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t room)
{
    ssize_t result = syscall(SYS_sendto, fd, bytes, length, flags, to, room);
    release(bytes);
    return result;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t result = syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    release(bytes);
    return result;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t result = syscall(SYS_sendmsg, fd, message, flags);
    release_parts(message->msg_iov, message->msg_iovlen);
    release(message);
    return result;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    int result = (int)syscall(SYS_sendmmsg, fd, messages, count, flags);
    release_parts(messages->msg_hdr.msg_iov, messages->msg_hdr.msg_iovlen);
    release(messages);
    return result;
}
