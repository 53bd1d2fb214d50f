/* SPDX-License-Identifier: MIT */
/* That the hook's view of NSPR is NSPR's own. */
#include <nspr.h>

#include "../../hook/nspr.h"

#define SAME(type, ours, theirs, field)                                          \
    _Static_assert(offsetof(struct type, ours) == offsetof(theirs, field), #ours)

SAME(nspr_layer, methods, PRFileDesc, methods);
SAME(nspr_layer, secret, PRFileDesc, secret);
SAME(nspr_layer, lower, PRFileDesc, lower);
SAME(nspr_layer, higher, PRFileDesc, higher);
SAME(nspr_layer, identity, PRFileDesc, identity);
SAME(nspr_part, bytes, PRIOVec, iov_base);
SAME(nspr_part, length, PRIOVec, iov_len);
SAME(nspr_methods, type, PRIOMethods, file_type);
SAME(nspr_methods, close, PRIOMethods, close);
SAME(nspr_methods, read, PRIOMethods, read);
SAME(nspr_methods, write, PRIOMethods, write);
SAME(nspr_methods, writev, PRIOMethods, writev);
SAME(nspr_methods, shutdown, PRIOMethods, shutdown);
SAME(nspr_methods, recv, PRIOMethods, recv);
SAME(nspr_methods, send, PRIOMethods, send);
_Static_assert(sizeof(struct nspr_layer) == sizeof(PRFileDesc), "layer");
_Static_assert(sizeof(struct nspr_part) == sizeof(PRIOVec), "part");
_Static_assert(sizeof(struct nspr_methods) == sizeof(PRIOMethods), "methods");
_Static_assert(NSPR_SOCKET_LAYER == PR_NSPR_IO_LAYER, "identity");
_Static_assert(NSPR_TCP == PR_DESC_SOCKET_TCP, "type");
_Static_assert(NSPR_PEEK == PR_MSG_PEEK, "flag");
_Static_assert(NSPR_SHUT_RECEIVE == PR_SHUTDOWN_RCV, "how");
_Static_assert(NSPR_PARTS_MOST == PR_MAX_IOVECTOR_SIZE, "parts");

int main(void)
{
    return 0;
}
