/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "seccomp.h"

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline uint16_t host_order(uint16_t port)
{
    return (uint16_t)(port << 8 | port >> 8);
}

static bool is_mapped(const struct in6_addr *address)
{
    static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(address, prefix, sizeof prefix) == 0;
}

bool address_of(int fd, enum sslc_grade grade, struct sslc_address *address)
{
    union name local, remote;
    uint32_t local_length = sizeof local, remote_length = sizeof remote;
    memset(address, 0, sizeof *address);
    if (fd < 0 || seccomp_in_force() || sys3(SYS_getsockname, fd, &local, &local_length) != 0 ||
        sys3(SYS_getpeername, fd, &remote, &remote_length) != 0 || local.any.sa_family != remote.any.sa_family)
        return false;
    if (local.any.sa_family == AF_INET) {
        address->family = 4;
        address->local_port = host_order(local.v4.sin_port);
        address->remote_port = host_order(remote.v4.sin_port);
        memcpy(address->local_ip, &local.v4.sin_addr, 4);
        memcpy(address->remote_ip, &remote.v4.sin_addr, 4);
    } else if (local.any.sa_family == AF_INET6) {
        bool mapped = is_mapped(&local.v6.sin6_addr) && is_mapped(&remote.v6.sin6_addr);
        size_t skip = mapped ? 12 : 0, length = mapped ? 4 : 16;
        address->family = mapped ? 4 : 6;
        address->local_port = host_order(local.v6.sin6_port);
        address->remote_port = host_order(remote.v6.sin6_port);
        memcpy(address->local_ip, (const uint8_t *)&local.v6.sin6_addr + skip, length);
        memcpy(address->remote_ip, (const uint8_t *)&remote.v6.sin6_addr + skip, length);
    } else if (local.any.sa_family == AF_UNIX && grade != SSLC_GRADE_NESTED) {
        address->family = SSLC_FAMILY_UNIX;
    } else {
        return false;
    }
    address->grade = (uint8_t)grade;
    return true;
}
