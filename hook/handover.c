/* SPDX-License-Identifier: MIT */
#include "handover.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "record.h"
#include "settings.h"

/* What SO_PEERCRED tells. */
struct credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

static bool is_trusted(long socket)
{
    struct credentials peer = {0, UINT32_MAX, 0};
    uint32_t length = sizeof peer;
    return sys5(SYS_getsockopt, socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == (uint32_t)sys0(SYS_geteuid));
}

static bool send_greeting(long socket, long file, uint64_t length, uint64_t rendezvous)
{
    struct sslc_greeting greeting = {SSLC_MAGIC, SSLC_ABI, length, rendezvous};
    struct iovec part = {&greeting, sizeof greeting};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    int descriptor = (int)file;
    memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control.room;
    return sys3(SYS_sendmsg, socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (long)sizeof greeting;
}

bool handover(long file, uint64_t length, uint64_t rendezvous)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, settings.socket_path, sizeof settings.socket_path);
    long socket = sys3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0)
        return false;
    bool handed = sys3(SYS_connect, socket, &address, sizeof address) == 0 && is_trusted(socket) &&
                  send_greeting(socket, file, length, rendezvous);
    sys1(SYS_close, socket);
    return handed;
}
