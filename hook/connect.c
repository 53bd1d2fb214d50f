/* SPDX-License-Identifier: MIT */
#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "bounce.h"
#include "libc.h"
#include "room.h"
#include "seccomp.h"
#include "session.h"
#include "settings.h"
#include "thread.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

#define PR_GET_NAME 16
#define DATA_MIN (64u << 10)
#define SLOTS_MIN 64u /* one page of them, so that the data area begins on a page */
#define SMALL_DATA (256u << 10)
#define SMALL_SLOTS 512u
#define SMALL_SESSIONS 1024u
/* What a ring begins with where memory is short: the agent makes the rest ready before it grants it. */
#define FIRST_DATA (256u << 10)
#define FIRST_SLOTS 2048u
/* So many times what a ring would begin with must be free: other processes of the same group begin too, and it grows. */
#define FIRST_SHARE 16u

/* A region is no larger a share of a limit on addresses. */
#define LIMIT_SHARE 16

struct geometry {
    uint32_t subrings;
    uint32_t slots;
    uint32_t data;
    uint32_t sessions;
    uint64_t stride;
};

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most, uint32_t multiple)
{
    value = value < least ? least : value > most ? most : value;
    return value - value % multiple;
}

static uint64_t stride_of(uint32_t slots, uint32_t data)
{
    return SSLC_PAGE + (uint64_t)slots * sizeof(struct sslc_slot) + data;
}

/* The soft limit; the largest number when there is none. */
static uint64_t limit_of(int resource)
{
    uint64_t limit[2] = {UINT64_MAX, UINT64_MAX};
    sys4(SYS_prlimit64, 0, resource, NULL, limit);
    return limit[0];
}

/* What the agent wishes, made to fit what this process may have. False: it may not have a region. */
static bool choose(const struct sslc_control *control, struct geometry *geometry)
{
    geometry->subrings = clamp(load_relaxed(&control->subring_count), 1, SSLC_SUBRINGS_MAX, 1);
    geometry->slots = clamp(load_relaxed(&control->slot_capacity), SLOTS_MIN, SSLC_SLOTS_MAX, SLOTS_MIN);
    geometry->data = clamp(load_relaxed(&control->data_capacity), DATA_MIN, SSLC_DATA_MAX, DATA_MIN);
    geometry->sessions = SESSIONS_MAX;
    geometry->stride = stride_of(geometry->slots, geometry->data);
    uint64_t addresses = limit_of(RLIMIT_AS), writable = limit_of(RLIMIT_DATA); /* private mappings count for both */
    addresses = addresses < writable ? addresses : writable;
    if (addresses != UINT64_MAX &&
        geometry->subrings * geometry->stride + sessions_bytes(SESSIONS_MAX) > addresses / LIMIT_SHARE) {
        geometry->subrings = 1;
        geometry->slots = geometry->slots < SMALL_SLOTS ? geometry->slots : SMALL_SLOTS;
        geometry->data = geometry->data < SMALL_DATA ? geometry->data : SMALL_DATA;
        geometry->sessions = SMALL_SESSIONS;
        geometry->stride = stride_of(geometry->slots, geometry->data);
        if (geometry->stride + sessions_bytes(SMALL_SESSIONS) > addresses / 4)
            return false;
    }
    /* Past this limit ftruncate raises SIGXFSZ. */
    return geometry->subrings * geometry->stride <= limit_of(RLIMIT_FSIZE);
}

static long open_control_file(void)
{
    return sys4(SYS_openat, AT_FDCWD, settings.control_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
}

bool connect_possible(void)
{
    long fd = open_control_file();
    if (fd >= 0)
        sys1(SYS_close, fd);
    return fd >= 0;
}

/* Maps the control page of an agent that is there and is not `except`; NULL otherwise. */
static const struct sslc_control *open_control(uint64_t except)
{
    struct stat status;
    long fd = open_control_file();
    if (fd < 0)
        return NULL;
    const struct sslc_control *control = NULL;
    /* A shorter file would raise SIGBUS; one that others may write is not the agent's. */
    if (sys2(SYS_fstat, fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size >= (off_t)SSLC_PAGE &&
        (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
        (status.st_uid == 0 || status.st_uid == (uid_t)sys0(SYS_geteuid)))
        control = map_memory(SSLC_PAGE, PROT_READ, MAP_SHARED, (int)fd);
    sys1(SYS_close, fd);
    if (control == NULL)
        return NULL;
    uint64_t identity = load_acquire(&control->identity), beat = load_relaxed(&control->heartbeat_ns);
    uint64_t now = clock_ns(SSLC_CLOCK_MONOTONIC);
    if (control->magic == SSLC_MAGIC && control->abi == SSLC_ABI && identity != 0 && identity != except &&
        load_relaxed(&control->closing) == 0 && (beat > now || now - beat < HEARTBEAT_STALE_NS))
        return control;
    sys2(SYS_munmap, control, SSLC_PAGE);
    return NULL;
}

static void socket_address(struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, settings.socket_path, sizeof settings.socket_path);
}

/* A connected socket whose other end is root or this user, or a negative number. */
static long open_socket(void)
{
    struct sockaddr_un address;
    socket_address(&address);
    long fd = sys3(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    struct {
        int32_t pid;
        uint32_t uid;
        uint32_t gid;
    } peer = {0, UINT32_MAX, 0};
    uint32_t length = sizeof peer;
    if (sys3(SYS_connect, fd, &address, sizeof address) == 0 &&
        sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        (peer.uid == 0 || peer.uid == (uint32_t)sys0(SYS_geteuid)))
        return fd;
    sys1(SYS_close, fd);
    return -EACCES;
}

/* A sealed file of `length` bytes, or a negative number. */
static long make_file(uint64_t length)
{
    const unsigned flags = 3; /* MFD_CLOEXEC | MFD_ALLOW_SEALING */
    long fd = sys2(SYS_memfd_create, "sslcollector", flags | MFD_NOEXEC_SEAL);
    if (fd == -EINVAL) /* before Linux 6.3 */
        fd = sys2(SYS_memfd_create, "sslcollector", flags);
    if (fd < 0)
        return fd;
    if (sys2(SYS_ftruncate, fd, length) == 0 &&
        sys3(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    sys1(SYS_close, fd);
    return -EINVAL;
}

static bool send_greeting(long socket, long file, const struct ring_view *view)
{
    struct sslc_greeting greeting;
    memset(&greeting, 0, sizeof greeting);
    greeting.magic = SSLC_MAGIC;
    greeting.abi = SSLC_ABI;
    greeting.pid = view->pid;
    greeting.subring_count = view->subring_count;
    greeting.subring_stride = (uint32_t)view->stride;
    greeting.slot_capacity = view->slot_capacity;
    greeting.data_capacity = view->data_capacity;
    greeting.flags = seccomp_in_force() || load_relaxed(&seccomp_inherited) != 0 ? SSLC_GREETING_NO_WAKE : 0;
    greeting.identity = view->identity;
    memcpy(greeting.comm, view->comm, sizeof greeting.comm);

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

/* Name of the main thread, which is the process's. */
static void read_comm(char comm[16], uint32_t pid)
{
    memset(comm, 0, 16);
    if ((uint32_t)sys0(SYS_gettid) == pid) {
        sys2(SYS_prctl, PR_GET_NAME, comm);
        comm[15] = 0;
        return;
    }
    long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/comm", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    long length = sys3(SYS_read, fd, comm, 15);
    sys1(SYS_close, fd);
    memset(comm + (length > 0 ? length : 0), 0, 16 - (size_t)(length > 0 ? length : 0));
    if (length > 0 && comm[length - 1] == '\n')
        comm[length - 1] = 0;
}

void connect_describe(struct ring_view *view, uint8_t *at, uint32_t pid)
{
    struct sslc_ring *ring = (struct sslc_ring *)at;
    view->ring = ring;
    view->slots = (struct sslc_slot *)(at + SSLC_PAGE);
    view->data = at + SSLC_PAGE + (uint64_t)view->slot_capacity * sizeof(struct sslc_slot);
    view->pid = pid;
    view->uid = (uint32_t)sys0(SYS_geteuid);
    read_comm(view->comm, pid);
    view->usable_slots = 0;
    view->usable_data = 0;
    view->growing = 0;
    uint32_t slots = view->initial_slots, data = view->initial_data;
    if ((slots > FIRST_SLOTS || data > FIRST_DATA) &&
        !room_for(FIRST_SHARE * (slots * (uint64_t)sizeof(struct sslc_slot) + data))) {
        slots = slots < FIRST_SLOTS ? slots : FIRST_SLOTS;
        data = data < FIRST_DATA ? data : FIRST_DATA;
    }
    if (!ring_make_accessible(view->slots, slots * (uint64_t)sizeof(struct sslc_slot)) ||
        !ring_make_accessible(view->data, data))
        return;
    view->usable_slots = slots;
    view->usable_data = data;
    ring->uid = view->uid;
    ring->flags = seccomp_in_force() || load_relaxed(&seccomp_inherited) != 0 ? SSLC_RING_NO_WAKE : 0;
    memcpy(ring->comm, view->comm, sizeof ring->comm);
    store_relaxed(&ring->granted_data, data);
    store_relaxed(&ring->granted_slots, slots);
    ring->abi = SSLC_ABI;
    store_release(&ring->magic, SSLC_MAGIC); /* last: the agent takes the header for whole from here on */
}

/* The region in `file`, with sub-ring 0 described. NULL when memory is refused. */
static struct ring_view *map_region(const struct geometry *geometry, const struct sslc_control *control, long file,
                                    uint32_t pid)
{
    uint64_t length = geometry->subrings * geometry->stride;
    struct ring_view *view = map_memory(SSLC_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint8_t *base = view == NULL ? NULL : map_memory(length, PROT_NONE, MAP_SHARED, (int)file);
    if (base == NULL) {
        if (view != NULL)
            sys2(SYS_munmap, view, SSLC_PAGE);
        return NULL;
    }
    sys3(SYS_madvise, base, length, MADV_DONTDUMP);
    view->control = control;
    view->identity = control->identity;
    view->base = base;
    view->mapped = length;
    view->stride = geometry->stride;
    view->subring_count = geometry->subrings;
    view->slot_capacity = geometry->slots;
    view->data_capacity = geometry->data;
    view->initial_slots = clamp(load_relaxed(&control->initial_slots), SLOTS_MIN, geometry->slots, SLOTS_MIN);
    view->initial_data = clamp(load_relaxed(&control->initial_data), DATA_MIN, geometry->data, SSLC_PAGE);
    if (ring_make_accessible(base, SSLC_PAGE)) {
        store_relaxed(&((struct sslc_ring *)base)->owner, pid);
        connect_describe(view, base, pid);
        if (view->usable_data != 0)
            return view;
    }
    sys2(SYS_munmap, base, length);
    sys2(SYS_munmap, view, SSLC_PAGE);
    return NULL;
}

struct ring_view *connect_new(uint64_t except, uint32_t pid)
{
    const struct sslc_control *control = open_control(except);
    if (control == NULL)
        return NULL;
    struct geometry geometry;
    struct ring_view *view = NULL;
    long socket = -1, file = -1;
    if (choose(control, &geometry) && (socket = open_socket()) >= 0 && sessions_create(geometry.sessions) && bounce_create() &&
        (file = make_file(geometry.subrings * geometry.stride)) >= 0 &&
        (view = map_region(&geometry, control, file, pid)) != NULL && !send_greeting(socket, file, view)) {
        sys2(SYS_munmap, view->base, view->mapped);
        sys2(SYS_munmap, view, SSLC_PAGE);
        view = NULL;
    }
    if (file >= 0)
        sys1(SYS_close, file);
    if (socket >= 0)
        sys1(SYS_close, socket);
    if (view == NULL)
        sys2(SYS_munmap, control, SSLC_PAGE);
    return view;
}

void connect_shrink(struct ring_view *view, uint64_t limit)
{
    uintptr_t page = load_relaxed(&settings.page_bytes);
    uint8_t *base = view->base, *end = base + view->mapped;
    uint8_t *from = (uint8_t *)((uintptr_t)view->ring & ~(page - 1));
    uint8_t *to = (uint8_t *)(((uintptr_t)view->ring + view->stride + page - 1) & ~(page - 1));
    /* Whoever has this lock keeps it: the ring grows no more. */
    if (view->stride > limit / LIMIT_SHARE && try_lock(&view->growing, view->epoch))
        to = (uint8_t *)(((uintptr_t)view->data + load_relaxed(&view->usable_data) + page - 1) & ~(page - 1));
    if (to > end)
        to = end;
    view->subring_count = 1;
    view->base = from;
    view->mapped = (uint64_t)(to - from);
    if (from > base)
        sys2(SYS_munmap, base, from - base);
    if (to < end)
        sys2(SYS_munmap, to, end - to);
}

/* A listening socket of another kind answers so; nobody accepts, so that an agent that is only stopped notices nothing. The
 * socket file of one that was killed refuses. */
bool connect_nobody_listens(void)
{
    long fd = sys3(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    struct sockaddr_un address;
    socket_address(&address);
    long result = sys3(SYS_connect, fd, &address, sizeof address);
    sys1(SYS_close, fd);
    return result == -ECONNREFUSED || result == -ENOENT;
}

void connect_discard(const struct ring_view *view)
{
    /* Some kernels, such as 5.10's, refuse at the first part that is not writable. */
    ring_make_accessible(view->base, view->mapped);
    /* Frees the pages in the file itself; whoever still writes gets new ones. */
    sys3(SYS_madvise, view->base, view->mapped, MADV_REMOVE);
}
