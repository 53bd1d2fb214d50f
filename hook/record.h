/* SPDX-License-Identifier: MIT */
/* The memory that a mirrored program shares with the agent: region, rings, records.
 *
 * All integers are little-endian and naturally aligned. `layout.ts` reads what is laid out here and a test compiles this
 * header and compares every offset, so a change here is a change of SSLC_ABI.
 *
 * ---- Region --------------------------------------------------------------------------------------
 * One memfd for a process and the children that it forks, made by the hook when it attaches, sealed (F_SEAL_SHRINK |
 * F_SEAL_GROW), mapped MAP_SHARED as a whole, and named
 *
 *     sslcollector:ABI:RENDEZVOUS      (in /proc/PID/maps: /memfd:sslcollector:3:0123456789abcdef (deleted))
 *
 * ABI is decimal; RENDEZVOUS is the 64-bit FNV-1a hash of the runtime directory's name, byte by byte as the settings have it, in
 * 16 lower-case hexadecimal digits: an agent takes regions of its own runtime directory only.
 *
 *     +0                                        struct sslc_region   (one page)
 *     +SSLC_PAGE + i * ring_stride              ring i, for i below ring_count:
 *         +0                                    struct sslc_ring     (one page)
 *         +SSLC_PAGE                            struct sslc_slot[slot_capacity]
 *         +SSLC_PAGE + slot_capacity * 64       data area, data_capacity bytes
 *
 * Valid: 1 <= ring_count <= SSLC_RINGS_MAX; slot_capacity a multiple of 64 from 64 to SSLC_SLOTS_MAX; data_capacity a multiple of
 * SSLC_PAGE from SSLC_DATA_MIN to SSLC_DATA_MAX; ring_stride == SSLC_PAGE + slot_capacity * 64 + data_capacity; the file's
 * size == SSLC_PAGE + ring_count * ring_stride; both seals. Every word of the region may be written at any time by every
 * process that maps it: a reader copies the geometry once, checks it, and believes no later one.
 *
 * Attaching touches no page. The region page is written when the first ring is claimed, `magic` last; before that the file is
 * one hole (fstat: st_blocks 0), which a reader looks at with pread: reading a hole through a mapping would allocate it.
 *
 * ---- Handing over --------------------------------------------------------------------------------
 * Once, when it attaches, the hook tries to hand the region to the agent: it connects to `<runtime directory>/hook.sock`
 * (SOCK_SEQPACKET, non-blocking), looks whether the peer is root or its own user (SO_PEERCRED), sends one message whose bytes are a
 * struct sslc_greeting with the descriptor in SCM_RIGHTS, and closes everything. It never tries again, keeps no descriptor,
 * and does not care what became of it. Whose region it is, the agent learns from SO_PEERCRED of the connection.
 *
 * ---- Adoption ------------------------------------------------------------------------------------
 * A region that was not handed over, or whose reader is gone, is found in /proc/PID/maps by its name and opened read-write through
 * /proc/PID/map_files/RANGE. Owner, uid and namespaces are those of that PID. Sharers (a forked child has the mapping too)
 * show the same device and inode there.
 *
 * Whether anybody still maps a region whose maker is gone, a reader learns by unmapping it itself and adding F_SEAL_WRITE: the
 * kernel refuses that (EBUSY) as long as anybody could write through a mapping.
 *
 * One reader at a time: it holds flock(LOCK_EX) on a description of its own, which for a region that was handed over it makes by
 * opening /proc/self/fd/N again and closing N (the received description lives as long as the program's mapping, and with it a
 * lock on it would). Who cannot get the lock without waiting leaves the region to whoever has it. The kernel gives the
 * lock back when a reader dies.
 *
 * A reader goes on where the last one stopped: a ring's `tail` is all the state there is. Taking a ring over whose `tail` is
 * not 0, it adds 1 to `generation`: its predecessor has read records that it will never see. The hook opens each flow again
 * (SSLC_AGAIN) before the first record that it publishes in the new generation. Records that were in the ring before may
 * belong to flows whose `open` the predecessor read: they are to be kept, within bounds, until the flow is opened again, or
 * counted as lost. An `open` with SSLC_AGAIN of a flow that the reader knows changes nothing.
 *
 * ---- Claiming a ring -----------------------------------------------------------------------------
 * A process has a ring from its first TLS call on: it claims one of its region by compare-and-swap of `owner` from 0 to the thread id
 * of its caller, in its own pid namespace (SSLC_OWNER_UNKNOWN where the C library does not tell; stale in a child that was
 * made by a bare clone). That takes no system call, so it is a claim: the process is the one with such a thread
 * that maps the region. Then it fills in `comm`, `claimed_ns`, the grants where they are 0, and `magic` last; a ring
 * whose `magic` is not SSLC_MAGIC is not read.
 *
 * Claimers take the lowest spare ring that they can have.
 *
 * When its process is gone and everything is read, a reader makes the ring spare again by storing `owner` 0. It leaves all
 * other words as they are: sequence numbers go on, counters only ever grow. A process ends when its pidfd says so; it has
 * left the ring, too, when it no longer maps the region (exec: /proc/PID/map_files/RANGE is gone). Time says nothing.
 *
 * A forked child that finds no spare ring makes a region of its own, where it may; where not, it counts in the region page
 * what goes unmirrored.
 *
 * ---- Ring protocol -------------------------------------------------------------------------------
 * `head` and `tail` are 64-bit words of one layout (SSLC_WORD_*):
 *
 *     bits  0..28  sequence   number of the record last reserved (head) or last consumed (tail), mod 2^29
 *     bits 29..44  slot       index of the next slot to use (head); one past the last consumed one (tail)
 *     bits 45..62  data       next free unit of 256 bytes (head); end of the last consumed record (tail)
 *     bit  63      fresh      (head only) slots were used one by one since the last rewind, and never wrapped
 *
 * Producer, one reservation: load head, then tail, then the grant, each with acquire order, anew after every failed swap.
 *   - Empty (head.sequence == tail.sequence): rewind; the record gets slot 0 and data unit 0, fresh = 1.
 *   - Otherwise the effective tail is (slot 0, data 0) if head is fresh and tail.sequence ==
 *     head.sequence - head.slot (nothing was consumed since the rewind), else tail's own (slot, data).
 *     Slots:  head.slot >  tail.slot: take head.slot if below the granted slots, else slot 0 if 1 < tail.slot
 *             head.slot <  tail.slot: take head.slot if head.slot + 1 < tail.slot
 *     Data (n units, contiguous):
 *             head.data >= tail.data: take head.data if head.data + n <= granted, else 0 if n < tail.data
 *             head.data <  tail.data: take head.data if head.data + n < tail.data
 *     Taking slot 0 by wrapping clears fresh. If either does not fit, the ring is full: drop and count.
 *   - Compare-and-swap head to the new word (sequence + 1). On success fill data and slot, then store
 *     slot.sequence = the new sequence with release order. That store publishes the record.
 * So a record's place is always explicit in its slot, and the grant may change at any time. Nothing wakes the reader: it polls.
 *
 * Consumer: the record with sequence tail.sequence + 1 is published when the slot at tail.slot or slot 0 holds that
 * sequence and a kind other than 0. It copies the slot once, checks it, reads the data in place, and publishes
 * tail = (sequence, slot index + 1, end of data in units) once per batch.
 *
 * ---- Grants --------------------------------------------------------------------------------------
 * `granted_data` and `granted_slots` bound what producers use; never beyond the capacity. A claimer grants itself, where they
 * are 0, SSLC_FIRST_DATA if its region was handed over, else SSLC_UNSERVED_DATA (both less where limits or the memory cgroup ask for
 * it, down to SSLC_DATA_MIN), with a slot for every 512 bytes. From then on they are the reader's, to raise and to lower at
 * any time. Every record fits in SSLC_DATA_MIN.
 *
 * ---- Giving memory back --------------------------------------------------------------------------
 * The hook does nothing for it. The reader, who knows how far records have reached since it last did this (s slots, n units), frees
 * those pages of an empty ring through its own descriptor with fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE):
 *   1. Empty: head.sequence == tail.sequence == q. Store tail = (q, slot 0, data 0). Round s up to 64 and n up to a page, and keep both so
 *      far below the grant that producers have enough meanwhile.
 *   2. Compare-and-swap head from the word just read to (q + 1, slot s, data n, fresh 0): a reservation like a producer's,
 *      of s slots and n units at once. If it fails, a producer was faster; the ring is not idle: leave it.
 *   3. Publish it: slot 0 = {kind SSLC_SKIP, position 0, length n * 256, amount s, sequence q + 1}, sequence last.
 *   4. No reservation covers slots [64, s) and units [0, n) now, and none can until tail moves: punch them.
 *   5. Store tail = (q + 1, slot s, data n): the ring is empty again, and the next record rewinds.
 * Whoever finds an SSLC_SKIP as the next record, because its reader died, does 5 and reads on.
 *
 * ---- A process of which nothing is wanted ---------------------------------------------------------
 * Where nothing that a process could tell would be mirrored, the reader stores `retired` = SSLC_UNWANTED as it takes the ring. It is
 * advice: the hook then copies nothing and tells no session, and counts what passes (`skipped_bytes`, `skipped_sessions`); who goes on
 * publishing is read. Whoever takes the ring over, or lets go of it, stores what it decides itself, 0 where the process is wanted: from then on
 * the hook tells again, and sessions that passed data meanwhile are told as joined late, at their offsets.
 *
 * ---- A record that is never finished -------------------------------------------------------------
 * A thread can leave a reservation for good (it is killed, or jumps out of a signal handler). Of a process that is gone, the
 * reader reads past it. While the process lives, the reader stores `retired` = SSLC_RETIRED_AGAIN when it gives up; the
 * process then claims another ring of its region, and what it published here before is read out.
 */
#ifndef SSLC_RECORD_H
#define SSLC_RECORD_H

#include <stdint.h>

#define SSLC_MAGIC 0x434c5353u /* "SSLC" */
#define SSLC_ABI 3u
#define SSLC_PAGE 4096u
#define SSLC_UNIT 256u
#define SSLC_NAME "sslcollector" /* of the memfd, up to the first colon */

#define SSLC_WORD_SLOT_SHIFT 29
#define SSLC_WORD_SLOT_BITS 16
#define SSLC_WORD_DATA_SHIFT 45
#define SSLC_WORD_DATA_BITS 18
#define SSLC_WORD_FRESH_SHIFT 63

/* Bounds that the agent enforces on a region. Slots: below 2^16, the index one past the end must fit. */
#define SSLC_SLOTS_MAX 65472u
#define SSLC_DATA_MIN (64u << 10)
#define SSLC_DATA_MAX (64u << 20) /* less one unit is usable: the end must fit 18 bits */
#define SSLC_RINGS_MAX 16u

/* What a claimer grants itself. */
#define SSLC_FIRST_DATA (16u << 20)
#define SSLC_UNSERVED_DATA (1u << 20)

#define SSLC_OWNER_UNKNOWN 0xffffffffu

/* What a hook sends with the descriptor. */
struct sslc_greeting {
    uint32_t magic;            /*  0 */
    uint32_t abi;              /*  4 */
    uint64_t length;           /*  8  of the region, bytes */
    uint64_t rendezvous;       /* 16  as in the region's name */
};

/* First page of the region. */
struct sslc_region {
    /* written once, when the first ring is claimed */
    uint32_t magic;            /*   0  last */
    uint32_t abi;              /*   4 */
    uint32_t ring_count;       /*   8 */
    uint32_t ring_stride;      /*  12  bytes */
    uint32_t slot_capacity;    /*  16 */
    uint32_t data_capacity;    /*  20  bytes */
    uint32_t pid;              /*  24  of the process that made the region, in its own pid namespace */
    uint32_t flags;            /*  28  SSLC_REGION_* */
    uint64_t attached_ns;      /*  32  CLOCK_REALTIME when it was made */
    uint64_t address;          /*  40  where its maker, and children by fork, map it; parts may be unmapped again */
    uint8_t  pad0[16];

    /* only ever grow: of processes that share the region and have no ring, because none was spare */
    uint64_t ringless;         /*  64  such processes */
    uint64_t ringless_sessions; /* 72  sessions of theirs that passed data */
    uint64_t ringless_bytes;   /*  80  clear text of theirs, both directions */
    uint64_t ringless_first_ns; /* 88  CLOCK_REALTIME of the first and the last of those bytes */
    uint64_t ringless_last_ns; /*  96 */
    uint64_t uncorrected;      /* 104  libraries loaded with RTLD_DEEPBIND whose calls pass the hook by */
    uint8_t  pad1[16];
};
#define SSLC_REGION_HANDED 1u  /* it was sent to an agent's socket */
#define SSLC_REGION_SMALL 2u   /* limits of the process made it smaller than it would be */

/* First page of a ring. Each group of words has its own cache line, by who writes it. */
struct sslc_ring {
    /* written by the process that claims the ring */
    uint32_t magic;            /*   0  last, the first time */
    uint32_t owner;            /*   4  thread id of the claimer; 0: spare */
    uint64_t claimed_ns;       /*   8  CLOCK_REALTIME */
    char     comm[16];         /*  16  name of the program when it attached, NUL padded */
    uint32_t claims;           /*  32  times that the ring was claimed */
    uint8_t  pad0[28];

    uint64_t head;             /*  64  producers */
    uint8_t  pad1[56];

    uint64_t tail;             /* 128  reader */
    uint32_t granted_data;     /* 136  reader, once claimed: bytes of the data area that may be used */
    uint32_t granted_slots;    /* 140  reader, once claimed */
    uint32_t generation;       /* 144  reader: changes when a reader takes over from another */
    uint32_t retired;          /* 148  reader: this ring is read no more; enum sslc_retired */
    uint8_t  pad2[40];

    /* producers; only ever grow */
    uint64_t dropped_bytes;    /* 192  not written because the ring was full, whether or not a gap record has told of them */
                               /*      since */
    uint64_t dropped_records;  /* 200  records of kind open, hello, close that found no room */
    uint64_t gap_bytes;        /* 208  bytes of those that gap records have told of: not those of sendfile */
    uint64_t unmirrored;       /* 216  sessions that found no room in the hook's own table, or are a second GnuTLS's */
    uint64_t lost_sessions;    /* 224  sessions that passed data and ended, of which no record found room */
    uint64_t uncopied_bytes;   /* 232  part of dropped_bytes: no buffer was free to copy what was being written */
    uint64_t drop_first_ns;    /* 240  CLOCK_REALTIME of the first and the last drop */
    uint64_t drop_last_ns;     /* 248 */
    uint64_t skipped_bytes;    /* 256  clear text, both directions, that passed while nothing of the process was wanted */
    uint64_t skipped_sessions; /* 264  sessions that it was of */
};

enum sslc_retired {
    SSLC_RETIRED = 1,      /* for good */
    SSLC_RETIRED_AGAIN = 2, /* a record was begun and never finished: the process may claim another ring */
    SSLC_UNWANTED = 3 /* for now: nothing of this process is mirrored */
};

enum sslc_kind {
    SSLC_OPEN = 1,  /* payload struct sslc_open and its strings; sent again with SSLC_UPDATE when addresses were learnt late */
    SSLC_HELLO = 2, /* payload struct sslc_hello */
    SSLC_DATA = 3,  /* payload: clear text; direction, offset */
    SSLC_GAP = 4,   /* no payload; `amount` bytes are missing at offset */
    SSLC_CLOSE = 5, /* no payload; flags tell how */
    SSLC_SKIP = 6   /* by readers: `amount` slots and `length` bytes of data area, passed over while their memory is given back */
};

enum sslc_direction { SSLC_TO_SERVER = 0, SSLC_TO_CLIENT = 1 };

/* flags of a slot */
#define SSLC_UPDATE 1u     /* open: the flow is open already, take the addresses */
#define SSLC_INHERITED 2u  /* open: this process got the flow by fork; offsets go on */
#define SSLC_LATE 4u       /* open: the hook was not there when the session began: what came before is unknown */
#define SSLC_ORDERLY 8u    /* close: a close_notify was sent or received */
#define SSLC_ALERT_SENT 16u /* close: our side sent close_notify first */
#define SSLC_NEVER_USER 32u /* gap: bytes that never were in user memory (sendfile), not a full ring */
#define SSLC_AGAIN 64u     /* open: told before under the same number, to a reader that is gone; offsets go on */
#define SSLC_HELLO_GONE 128u /* open: its ClientHello gave way to those of sessions that began later: random and name are unknown */

struct sslc_slot {
    uint32_t sequence;   /*  0  mod 2^29, written last */
    uint8_t  kind;       /*  4  enum sslc_kind */
    uint8_t  direction;  /*  5  enum sslc_direction; of a hello: to-server always */
    uint16_t flags;      /*  6 */
    uint32_t position;   /*  8  of the payload in the data area, bytes, a multiple of SSLC_UNIT */
    uint32_t length;     /* 12  of the payload, bytes */
    uint64_t flow;       /* 16  below 2^52; 0 for a hello seen on a bare socket */
    uint64_t offset;     /* 24  bytes of this flow and direction before this record; of an open: offset to server */
    uint64_t time_ns;    /* 32  CLOCK_REALTIME; before a write, after a read */
    uint64_t amount;     /* 40  of a gap: bytes missing; of an open: offset to client; else 0 */
    uint64_t reserved0;  /* 48 */
    uint64_t reserved1;  /* 56 */
};

#define SSLC_FAMILY_UNIX 1u /* a Unix socket: all but the grade is zero */

/* A TCP connection as the program sees it. */
struct sslc_address {
    uint8_t  family;         /*  0  0 unknown, SSLC_FAMILY_UNIX, 4, 6 */
    uint8_t  grade;          /*  1  enum sslc_grade */
    uint16_t local_port;     /*  2  host byte order */
    uint16_t remote_port;    /*  4 */
    uint16_t reserved;       /*  6 */
    uint8_t  local_ip[16];   /*  8  IPv4 in the first four */
    uint8_t  remote_ip[16];  /* 24 */
};                           /* 40 bytes; an IPv4-mapped IPv6 address is sent as IPv4 */

enum sslc_grade { SSLC_GRADE_NONE = 0, SSLC_GRADE_SOCKET = 1, SSLC_GRADE_NESTED = 2, SSLC_GRADE_HELLO = 3 };

struct sslc_open {
    struct sslc_address address;  /*  0 */
    uint8_t  client_random[32];   /* 40  all zero: unknown */
    uint8_t  is_server;           /* 72  role of this program in the session */
    uint8_t  reserved[3];         /* 73 */
    uint16_t tls_version;         /* 76  0x0301 to 0x0304, 0 unknown */
    uint16_t cipher_suite;        /* 78  IANA number, 0 unknown */
    uint32_t pid;                 /* 80  owner of the ring, as claimed */
    uint32_t reserved1;           /* 84 */
    char     comm[16];            /* 88  as in the ring's header */
    uint8_t  alpn_length;         /* 104 */
    uint8_t  sni_length;          /* 105 */
    uint8_t  reserved2[6];        /* 106 */
    /* 112: alpn_length bytes of ALPN, then sni_length bytes of SNI */
};

struct sslc_hello {
    struct sslc_address address;  /*  0  grade SSLC_GRADE_HELLO; unknown when seen inside another session */
    uint8_t  client_random[32];   /* 40 */
    uint8_t  received;            /* 72  1: received (this program is the server), 0: sent */
    uint8_t  reserved[7];         /* 73 */
    uint64_t carrier;             /* 80  flow in whose clear text it was seen, else 0 */
};                                /* 88 bytes */

#endif
