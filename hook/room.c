/* SPDX-License-Identifier: MIT */
#include "room.h"

#include <fcntl.h>
#include <sys/mman.h>

#define OVERCOMMIT_NEVER 2
/* Version 1 says so, in pages, when there is no limit. */
#define UNLIMITED (1ull << 60)
#define MOUNT_MOST 24u /* "/sys/fs/cgroup/memory" */
#define FILE_MOST 32u  /* "/memory.usage_in_bytes" */
#define PATH_MOST 384u

enum membership { GROUP_NONE, GROUP_FIRST_VERSION, GROUP_SECOND_VERSION, GROUP_UNCLEAR };

/* Where the memory of this process is counted. */
struct group {
    enum membership membership;
    uint32_t length;                               /* of the path, 0 for the root */
    char text[MOUNT_MOST + PATH_MOST + FILE_MOST]; /* the path begins at MOUNT_MOST; its mount goes right before it */
};

uint32_t room_locked;

void *room_map(size_t length, int flags, int fd)
{
    if (LIKELY(load_relaxed(&room_locked) == 0))
        return map_memory(length, PROT_READ | PROT_WRITE, flags, fd);
    void *memory = map_memory(length, PROT_NONE, flags, fd); /* which nothing can be brought into */
    if (memory == NULL || (sys2(SYS_munlock, memory, length) == 0 &&
                           sys3(SYS_mprotect, memory, length, PROT_READ | PROT_WRITE) == 0))
        return memory;
    sys2(SYS_munmap, memory, length);
    return NULL;
}

static long open_read(const char *path)
{
    return sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY, 0);
}

/* A decimal number or "max". False: not to be read. */
static bool read_number(const char *path, uint64_t *number)
{
    char text[24];
    long fd = open_read(path);
    if (fd < 0)
        return false;
    long length = sys3(SYS_read, fd, text, sizeof text);
    sys1(SYS_close, fd);
    if (length >= 3 && memcmp(text, "max", 3) == 0) {
        *number = UINT64_MAX;
        return true;
    }
    *number = 0;
    long i = 0;
    for (; i < length && text[i] >= '0' && text[i] <= '9'; i++)
        *number = *number * 10 + (uint64_t)(text[i] - '0');
    return i > 0;
}

/* Finds the group in /proc/self/cgroup, whose lines are `id:controllers:path`: that of version 1's memory controller, else
 * that of version 2, which comes last. */
static void find_group(struct group *group)
{
    static const char memory[] = "memory";
    char piece[128];
    unsigned field = 0, matched = 0, names = 0;
    bool is_memory = false, fits = true;
    long fd = open_read("/proc/self/cgroup"), more;
    group->membership = GROUP_NONE;
    group->length = 0;
    if (fd < 0)
        return;
    while (group->membership == GROUP_NONE && (more = sys3(SYS_read, fd, piece, sizeof piece)) > 0) {
        for (long i = 0; i < more && group->membership == GROUP_NONE; i++) {
            char c = piece[i];
            if (c == '\n') {
                if (is_memory || (field == 2 && names == 0)) {
                    group->membership = is_memory ? GROUP_FIRST_VERSION : GROUP_SECOND_VERSION;
                } else {
                    field = matched = names = group->length = 0;
                    fits = true;
                }
            } else if (field == 2) {
                fits = fits && group->length < PATH_MOST;
                if (fits)
                    group->text[MOUNT_MOST + group->length++] = c;
            } else if (c == ':' || (field == 1 && c == ',')) {
                is_memory = is_memory || (field == 1 && matched == sizeof memory - 1);
                field += c == ':';
                matched = 0;
            } else if (field == 1) {
                names++;
                matched = matched < sizeof memory && c == memory[matched] ? matched + 1 : (unsigned)sizeof memory;
            }
        }
    }
    sys1(SYS_close, fd);
    /* Behind /.. it lies outside of what this cgroup namespace shows. */
    if (!fits || (group->length >= 3 && memcmp(group->text + MOUNT_MOST, "/..", 3) == 0))
        group->membership = GROUP_UNCLEAR;
    if (group->length == 1)
        group->length = 0;
}

/* Reads a file of the group; `file` has FILE_MOST characters. */
static bool read_of(struct group *group, const char *file, uint64_t *number)
{
    static const char first[] = "/sys/fs/cgroup/memory", second[] = "/sys/fs/cgroup";
    bool is_first = group->membership == GROUP_FIRST_VERSION;
    size_t length = (is_first ? sizeof first : sizeof second) - 1;
    char *path = group->text + MOUNT_MOST - length;
    memcpy(path, is_first ? first : second, length);
    memcpy(group->text + MOUNT_MOST + group->length, file, FILE_MOST);
    return read_number(path, number);
}

/* The least that the group and those above it leave; UINT64_MAX where none has a limit. */
static uint64_t room_in(struct group *group)
{
    static const char files[2][2][FILE_MOST] = {{"/memory.limit_in_bytes", "/memory.usage_in_bytes"},
                                                {"/memory.max", "/memory.current"}};
    unsigned version = group->membership == GROUP_SECOND_VERSION;
    uint64_t room = UINT64_MAX, limit, used;
    for (;;) {
        if (read_of(group, files[version][0], &limit) && limit < UNLIMITED) {
            if (!read_of(group, files[version][1], &used) || used >= limit)
                return 0;
            room = limit - used < room ? limit - used : room;
        }
        if (group->length == 0)
            return room;
        /* To the one above. In a container without a cgroup namespace only the root is there, which is the container's own. */
        while (--group->length > 0 && group->text[MOUNT_MOST + group->length] != '/')
            ;
    }
}

COLD bool room_for(uint64_t bytes)
{
    uint64_t overcommit;
    struct group group;
    if (read_number("/proc/sys/vm/overcommit_memory", &overcommit) && overcommit == OVERCOMMIT_NEVER)
        return false;
    find_group(&group);
    return group.membership == GROUP_NONE || (group.membership != GROUP_UNCLEAR && room_in(&group) >= bytes);
}
