/* SPDX-License-Identifier: MIT */
/* The memory that a mirrored program shares with the agent: control page, ring, records.
 *
 * All integers are little-endian and naturally aligned. `record.ts` reads what is laid out here and a
 * test compiles this header and compares every offset, so a change here is a change of SSLC_ABI.
 *
 * ---- Control page --------------------------------------------------------------------------------
 * `<runtime directory>/control`, one page written by the agent, mapped read-only by every hook.
 *
 * ---- Region --------------------------------------------------------------------------------------
 * One memfd made by the hook, sealed (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), sent to the agent over
 * `<runtime directory>/hook.sock` (SOCK_SEQPACKET; one message whose bytes are a struct sslc_greeting, one
 * descriptor in SCM_RIGHTS). It holds `subring_count` sub-rings, each `subring_stride` bytes:
 *
 *     +0                       struct sslc_ring      (one page)
 *     +SSLC_PAGE               struct sslc_slot[slot_capacity]
 *     +SSLC_PAGE + slot_capacity * 64                data area, data_capacity bytes
 *
 * Sub-ring 0 belongs to the process that made the region; the others are spares that a forked child claims
 * by compare-and-swap of `owner` from 0 to its pid.
 *
 * ---- Ring protocol -------------------------------------------------------------------------------
 * `head` and `tail` are 64-bit words of one layout (SSLC_WORD_*):
 *
 *     bits  0..28  sequence   number of the record last reserved (head) or last consumed (tail), mod 2^29
 *     bits 29..44  slot       index of the next slot to use (head); one past the last consumed one (tail)
 *     bits 45..62  data       next free unit of 256 bytes (head); end of the last consumed record (tail)
 *     bit  63      fresh      (head only) no wrap of the slot index since the last rewind
 *
 * Producer, one reservation: load head, then tail, then the grant.
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
 * So a record's place is always explicit in its slot, and the grant may change at any time.
 *
 * Consumer: the record with sequence tail.sequence + 1 is published when the slot at tail.slot or slot 0 holds that
 * sequence and a kind other than 0. It copies the slot once, checks it, reads the data in place, and publishes
 * tail = (sequence, slot index + 1, end of data in units) once per batch.
 */
#ifndef SSLC_RECORD_H
#define SSLC_RECORD_H

#include <stdint.h>

#define SSLC_MAGIC 0x434c5353u /* "SSLC" */
#define SSLC_ABI 2u
#define SSLC_PAGE 4096u
#define SSLC_UNIT 256u

#define SSLC_WORD_SLOT_SHIFT 29
#define SSLC_WORD_SLOT_BITS 16
#define SSLC_WORD_DATA_SHIFT 45
#define SSLC_WORD_DATA_BITS 18
#define SSLC_WORD_FRESH_SHIFT 63

/* Bounds that the agent enforces on a region. Slots: below 2^16, the index one past the end must fit. */
#define SSLC_SLOTS_MAX 65472u
#define SSLC_DATA_MAX (64u << 20) /* less one unit is usable: the end must fit 18 bits */
#define SSLC_SUBRINGS_MAX 16u

/* Control page. `identity` differs for every run of an agent and is 0 until the page is whole. */
struct sslc_control {
    uint32_t magic;            /*  0 */
    uint32_t abi;              /*  4 */
    uint64_t identity;         /*  8 */
    uint64_t heartbeat_ns;     /* 16  CLOCK_MONOTONIC, refreshed at least once a second */
    uint32_t sleeping;         /* 24  futex word: 0 awake, else the generation of this sleep */
    uint32_t closing;          /* 28  1: the agent is going; connect no more */
    uint32_t initial_data;     /* 32  bytes of data area that a new ring may use at once */
    uint32_t initial_slots;    /* 36 */
    uint32_t data_capacity;    /* 40  of each sub-ring that a hook makes, bytes */
    uint32_t slot_capacity;    /* 44 */
    uint32_t subring_count;    /* 48 */
    uint32_t agent_pid;        /* 52 */
};

/* What a hook sends with the descriptor. */
struct sslc_greeting {
    uint32_t magic;            /*  0 */
    uint32_t abi;              /*  4 */
    uint32_t pid;              /*  8  in the program's own pid namespace */
    uint32_t subring_count;    /* 12 */
    uint32_t subring_stride;   /* 16  bytes */
    uint32_t slot_capacity;    /* 20 */
    uint32_t data_capacity;    /* 24  bytes */
    uint32_t flags;            /* 28  SSLC_GREETING_* */
    uint64_t identity;         /* 32  of the agent that the control page named */
    char     comm[16];         /* 40  name of the program, NUL padded */
};
#define SSLC_GREETING_NO_WAKE 1u /* a seccomp filter is in force: the agent must poll this region */

/* First page of a sub-ring. Each group of words has its own cache line, by who writes it. */
struct sslc_ring {
    /* written once by the hook when the sub-ring is claimed */
    uint32_t magic;            /*   0 */
    uint32_t abi;              /*   4 */
    uint32_t owner;            /*   8  pid of the process that writes here; 0: spare */
    uint32_t uid;              /*  12  effective uid when claimed */
    uint32_t flags;            /*  16  SSLC_RING_* */
    uint32_t reserved0;        /*  20 */
    char     comm[16];         /*  24 */
    uint8_t  pad0[24];

    uint64_t head;             /*  64  producers */
    uint8_t  pad1[56];

    uint64_t tail;             /* 128  agent */
    uint32_t granted_data;     /* 136  agent: bytes of the data area that may be used */
    uint32_t granted_slots;    /* 140  agent */
    uint32_t retired;          /* 144  agent: this ring is read no more; enum sslc_retired */
    uint8_t  pad2[44];

    uint32_t woken;            /* 192  producers: generation of sleep that was last woken from this ring */
    uint32_t reserved3;        /* 196 */
    uint64_t dropped_bytes;    /* 200  producers, only ever grows: bytes not written because the ring was full, */
                               /*      whether or not a gap record has told of them since */
    uint64_t dropped_records;  /* 208  records of kind open, hello, close that found no room */
    uint64_t gap_bytes;        /* 216  bytes that gap records have told of (also those of sendfile) */
    uint64_t unmirrored;       /* 224  sessions that found no room in the hook's own table */
    uint8_t  pad3[24];
};
#define SSLC_RING_NO_WAKE 1u

enum sslc_retired {
    SSLC_RETIRED = 1,      /* for good, as far as this agent is concerned */
    SSLC_RETIRED_AGAIN = 2 /* a record was begun and never finished: the process may make another ring */
};

enum sslc_kind {
    SSLC_OPEN = 1,  /* payload struct sslc_open and its strings; sent again with SSLC_UPDATE when addresses were learnt late */
    SSLC_HELLO = 2, /* payload struct sslc_hello */
    SSLC_DATA = 3,  /* payload: clear text; direction, offset */
    SSLC_GAP = 4,   /* no payload; `amount` bytes are missing at offset */
    SSLC_CLOSE = 5  /* no payload; flags tell how */
};

enum sslc_direction { SSLC_TO_SERVER = 0, SSLC_TO_CLIENT = 1 };

/* flags of a slot */
#define SSLC_UPDATE 1u     /* open: the flow is open already, take the addresses */
#define SSLC_INHERITED 2u  /* open: this process got the flow by fork; offsets go on */
#define SSLC_LATE 4u       /* open: the hook was not there when the session began: what came before is unknown */
#define SSLC_ORDERLY 8u    /* close: a close_notify was sent or received */
#define SSLC_ALERT_SENT 16u /* close: our side sent close_notify first */
#define SSLC_NEVER_USER 32u /* gap: bytes that never were in user memory (sendfile), not a full ring */

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
    uint32_t thread;     /* 48  thread id, for people */
    uint32_t reserved0;  /* 52 */
    uint64_t reserved1;  /* 56 */
};

/* A TCP connection as the program sees it. */
struct sslc_address {
    uint8_t  family;         /*  0  0 unknown, 4, 6 */
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
    uint32_t pid;                 /* 80 */
    uint32_t uid;                 /* 84 */
    char     comm[16];            /* 88 */
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
